"""Error tree. Each class has an exit code and advice on what to do next.

::

    WarehouseError                     1
    ├── SettingsError                  2   a setting, argument or file is wrong or missing
    │   └── PlanError                  2   no plan leads to the desired stages and segments
    ├── LoaderKilled                  21   the process of a load was killed
    ├── ApiError                       3   amoCRM refused, or its response cannot be used
    │   ├── Unauthorized               4   401: the token
    │   │   └── MustAuthorize         19   OAuth: a person has to grant access
    │   ├── Forbidden                  5   403 in JSON, 402: rights, tariff
    │   ├── Blocked                    6   403 in HTML: the address is blocked by amoCRM
    │   ├── NotFound                   7   404 on a list: wrong host, renamed subdomain
    │   ├── InvalidRequest             3   400, and 422 of a write
    │   ├── ModeDisagreement           8   422 though the account says that the mode is on
    │   ├── RateLimited                9   429 for longer than we wait
    │   ├── Unavailable               10   5xx, connection errors, deadlines
    │   ├── MalformedAnswer           11   a body that is not what the page describes
    │   ├── IncompleteList            12   pages contradict each other, or an entity is missing
    │   ├── UncertainWrite            18   a write whose outcome is unknown
    │   └── WrongAccount              13   data of another account than the one expected
    └── DatabaseError                 14   Postgres rejected a statement
        ├── DatabaseUnavailable       15   cannot connect, or the connection was lost
        ├── MigrationError            16   schema too old, too new, or edited
        ├── Superseded                17   a newer snapshot is published already
        ├── UnprovenEnding            12   an entity is missing and its deletion is not confirmed
        └── RebuildDiffers            20   tables rebuilt from raw responses differ
"""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any, ClassVar, Final

from pipelines.base.escape import printable_lines
from pipelines.base.language import lazy_gettext, map_text
from pipelines.base.program import with_program_name

if TYPE_CHECKING:
    from collections.abc import Sequence

UNEXPECTED_EXIT_CODE: Final = 70
"""Exit code for a bug in this program: any exception outside this tree."""


def describe_unexpected(error: Exception) -> str:
    """Return the message for an exception outside this tree.

    Its own text is left out: it may hold a secret.
    """
    return (
        f"This should not have happened: {type(error).__name__} in amocrm-warehouse {version('amocrm-warehouse')}. "
        "Run it again with --verbose and report what that prints."
    )


class WarehouseError(Exception):
    """Base of all errors a user may see: one sentence on what happened, one on what to do next.

    ``account`` is the account's key in the settings (never a secret). ``advice`` is the next step;
    commands are written as './run sync' and shown under the name they have on this machine.
    """

    exit_code: ClassVar[int] = 1
    default_advice: ClassVar[str] = lazy_gettext("Run the command again with --verbose and report what it prints.")

    def __init__(self, message: str, *, account: str | None = None, advice: str | None = None) -> None:
        # Parts may come from a server or a file: escape control characters before a terminal shows them.
        self.message = map_text(message, printable_lines)
        super().__init__(self.message)
        self.account = account and printable_lines(account)
        self.advice = map_text(advice or self.default_advice, lambda text: printable_lines(with_program_name(text)))

    def __str__(self) -> str:
        prefix = f"account '{self.account}': " if self.account else ""
        separator = "" if self.message.endswith("\n") else " "  # a list of problems ends with a line break
        return f"{prefix}{self.message}{separator}{self.advice}"


class SettingsError(WarehouseError):
    """A setting, an argument or a file of this machine is missing or cannot be used."""

    exit_code = 2
    default_advice = lazy_gettext("Correct it in .env or accounts.toml, then run './run doctor'.")


class PlanError(SettingsError):
    """A plan for stages and segments cannot be made. Nothing was sent.

    ``problems`` holds one sentence per error, all of them at once.
    """

    default_advice = lazy_gettext("Nothing was sent. Correct it, then run './run plan' again.")

    def __init__(
        self, problems: Sequence[str], *, source: str, account: str | None = None, advice: str | None = None
    ) -> None:
        listed = f" {problems[0]}" if len(problems) == 1 else "".join(f"\n  - {problem}" for problem in problems) + "\n"
        super().__init__(f"{source}:{listed}", account=account, advice=advice)
        self.problems = tuple(problems)


class LoaderKilled(WarehouseError):
    """The process that loaded the account was killed, usually because memory ran out."""

    exit_code = 21
    default_advice = (
        "Stored data are intact; it is safe to run again. If it lasts, give this machine more memory, or set "
        "AMOCRM_WORKERS and AMOCRM_THREADS lower."
    )


class ApiError(WarehouseError):
    """amoCRM refused a request, or its response cannot be used. Nothing stored was changed.

    ``request`` is the method and path, ``status`` the HTTP status if there was a response,
    ``request_id`` the vendor's ``X-Request-Id``, which their support asks for, ``responses`` what a
    load had received until then, ``attempt`` the write that was sent, if any.
    """

    exit_code = 3
    default_advice = lazy_gettext("Nothing stored was changed; the next load tries again.")

    def __init__(
        self,
        message: str,
        *,
        account: str | None = None,
        advice: str | None = None,
        request: str | None = None,
        status: int | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message, account=account, advice=advice)
        self.request = request and printable_lines(request)
        self.status = status
        self.request_id = request_id and printable_lines(request_id)
        self.responses: tuple[Any, ...] = ()  # of RawResponse, which is in a higher package
        self.attempt: Any = None  # WriteAttempt, if a write was sent

    def __str__(self) -> str:
        details = [
            detail
            for detail in (self.request, f"X-Request-Id {self.request_id}" if self.request_id else None)
            if detail
        ]
        return super().__str__() + (f" ({', '.join(details)})" if details else "")


class Unauthorized(ApiError):
    """401: the token is wrong, expired or revoked."""

    exit_code = 4
    default_advice = lazy_gettext(
        "Create a new long-lived token in the integration's settings and put it in AMOCRM_TOKEN, or where "
        "accounts.toml says; with OAuth, run './run auth login'."
    )


class MustAuthorize(Unauthorized):
    """OAuth: no token works, and only a person who grants access to the account can get new ones."""

    exit_code = 19
    default_advice = lazy_gettext("Run './run auth login' as an administrator of the account.")


class Forbidden(ApiError):
    """403 with a JSON body, or 402: the token's user lacks rights, or the account lacks customers or is unpaid."""

    exit_code = 5
    default_advice = lazy_gettext(
        "Check the rights of the token's user and that the account's plan includes customers."
    )


class Blocked(ApiError):
    """403 with an HTML body: amoCRM blocked this address.

    Every further request prolongs the block.
    """

    exit_code = 6
    default_advice = lazy_gettext(
        "This machine sends the host no requests for an hour; ask amoCRM's support to lift the block."
    )


class NotFound(ApiError):
    """404 on a list or the account: the host is wrong or the subdomain was renamed.

    Never read as 'empty'.
    """

    exit_code = 7
    default_advice = lazy_gettext("Check AMOCRM_HOST: the account's subdomain may have been renamed.")


class InvalidRequest(ApiError):
    """400, or 422 of a write: amoCRM rejects what was sent; the response says why."""


class ModeDisagreement(ApiError):
    """422 says that the customers mode is off, although the account says that it is on."""

    exit_code = 8
    default_advice = lazy_gettext("The mode was probably switched just now; the next load tries again.")


class RateLimited(ApiError):
    """429 repeatedly, for longer than a load may wait."""

    exit_code = 9
    default_advice = lazy_gettext(
        "Lower AMOCRM_REQUESTS_PER_SECOND, or load fewer accounts from this address at a time."
    )


class Unavailable(ApiError):
    """5xx, a connection that fails, or a deadline that passed, after all retries."""

    exit_code = 10
    default_advice = lazy_gettext(
        "Nothing stored was changed; the next load tries again. If it lasts, check the network and AMOCRM_HOST."
    )


class MalformedAnswer(ApiError):
    """A response body is cut short, not strict JSON, or not what the vendor's page describes."""

    exit_code = 11


class IncompleteList(ApiError):
    """The pages of a list contradict each other, or an entity is missing from a list although it exists."""

    exit_code = 12


class UncertainWrite(ApiError):
    """A write was sent and its outcome is unknown: the response was lost, unusable or a server error."""

    exit_code = 18
    default_advice = lazy_gettext(
        "It is not retried, since it may have happened. Plan again: a plan starts from the account's current state."
    )


class WrongAccount(ApiError):
    """A response belongs to another account than the configured one, or the one loaded before."""

    exit_code = 13
    default_advice = lazy_gettext(
        "The token belongs to another account: check that AMOCRM_HOST and AMOCRM_TOKEN belong together."
    )


class DatabaseError(WarehouseError):
    """Postgres rejected a statement; the transaction was rolled back."""

    exit_code = 14
    default_advice = lazy_gettext("Nothing was written; it is safe to run it again.")


class DatabaseUnavailable(DatabaseError):
    """Postgres cannot be reached, or the connection was lost."""

    exit_code = 15
    default_advice = lazy_gettext("Check DATABASE_URL and that the server runs; './run doctor' shows more.")


class MigrationError(DatabaseError):
    """The schema is missing, older or newer than this program, or an applied migration was edited."""

    exit_code = 16
    default_advice = lazy_gettext("Run './run migrate'.")


class Superseded(DatabaseError):
    """A newer snapshot of the account is already published, so this one would rewrite the past."""

    exit_code = 17
    default_advice = lazy_gettext("Nothing to do if another load ran meanwhile; otherwise check this machine's clock.")


class UnprovenEnding(DatabaseError):
    """An entity that is open in the warehouse is missing from the snapshot, and its deletion is not confirmed."""

    exit_code = 12
    default_advice = lazy_gettext("Another load published meanwhile; the next load tries again.")


class RebuildDiffers(DatabaseError):
    """Tables rebuilt from raw responses differ from the stored ones."""

    exit_code = 20
    default_advice = lazy_gettext(
        "The rows that differ are printed. Rows were changed by hand, or this version of the program parses responses "
        "differently from the one that stored them: see code_version in analytics.snapshots."
    )
