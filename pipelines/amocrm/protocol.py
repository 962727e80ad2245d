"""What an answer of amoCRM's API v4 means: a pure function of status, headers and body. No sockets, clocks or retries.

The meaning of each status follows the vendor's page "Customers Stages and Segments" and its pages on limits and errors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal, TypeAlias, TypedDict, TypeVar

from pipelines.amocrm import strict_json
from pipelines.amocrm.messages import Answer, Request
from pipelines.amocrm.problems import describe, read_problem, wait_seconds
from pipelines.amocrm.records import Json
from pipelines.errors import (
    ApiError,
    Blocked,
    Forbidden,
    InvalidRequest,
    MalformedAnswer,
    ModeDisagreement,
    NotFound,
    RateLimited,
    Unauthorized,
    Unavailable,
    UncertainWrite,
)

Reason: TypeAlias = Literal["rate limit", "passing trouble", "malformed body", "token"]
"""Why a request may be sent again; each reason has its own number of times."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """The answer is this value."""

    value: Json


@dataclass(frozen=True, kw_only=True, slots=True)
class Nothing:
    """There is nothing: the end of a list, or a thing that is not there any more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Again:
    """The same request may succeed later; ``error`` is what to raise when it is not sent again."""

    reason: Reason
    error: ApiError
    wait: float | None = None  # seconds, where the server asks for them


@dataclass(frozen=True, kw_only=True, slots=True)
class Refused:
    """Sending it again would not help."""

    error: ApiError


Outcome: TypeAlias = Document | Nothing | Again | Refused


def interpret(answer: Answer, request: Request) -> Outcome:
    """What ``answer`` to ``request`` means. Whether a document has the shape of its resource is the next question."""
    return _never_twice(_meaning(answer, request), request)


def _meaning(answer: Answer, request: Request) -> Outcome:  # noqa: C901, PLR0911, PLR0912 - a line for each status
    is_read = request.is_repeatable
    match answer.status:
        case 200 | 204 | 404 if answer.defect:
            return _damaged(answer, request, answer.defect)
        case 200 if request.method != "DELETE":
            return _document(answer, request)
        case 204 if request.method == "DELETE" or (is_read and (request.is_of_list or request.is_of_thing)):
            return Nothing()
        case status if 200 <= status < 300 and not is_read:
            return malformed(answer, request, f"{status} is not what the vendor's page says")
        case 401:
            return Again(reason="token", error=_error(Unauthorized, answer, request))
        case 403 if read_problem(answer) is None:
            return Refused(error=_error(Blocked, answer, request, "without JSON, as it does to a blocked address"))
        case 402 | 403:
            return Refused(error=_error(Forbidden, answer, request))
        case 404 if is_read and request.is_of_thing and _is_gone(answer):
            return Nothing()
        case 404:
            return Refused(error=_error(NotFound, answer, request))
        case 422 if is_read:
            return Refused(error=_error(ModeDisagreement, answer, request))
        case 400 | 422:
            return Refused(error=_error(InvalidRequest, answer, request))
        case 429:
            return _again("rate limit", RateLimited, answer, request)
        case status if status == 408 or status >= 500:
            return Again(
                reason="passing trouble", error=_error(Unavailable, answer, request), wait=wait_seconds(answer)
            )
        case status if 300 <= status < 400:
            return Refused(error=_error(NotFound, answer, request, "a redirect, and redirects are not followed"))
        case _:
            return Refused(error=_error(ApiError, answer, request, "which has no meaning here"))


def malformed(answer: Answer, request: Request, why: str) -> Again | Refused:
    """The outcome of an answer that claims success and cannot be used; ``why`` has neither capital nor full stop."""
    error = MalformedAnswer(f"amoCRM's answer cannot be used: {why}.", **_facts(answer, request))
    return _never_twice(Again(reason="malformed body", error=error), request)


def unanswered(request: Request, why: str, *, is_passing: bool, is_sent: bool = True) -> Again | Refused:
    """The outcome of a request to which no answer came; ``why`` has neither capital nor full stop.

    ``is_passing``: it may help to ask again. ``is_sent``: the host may have received the request.
    """
    error = Unavailable(f"No answer: {why}.", request=str(request))
    if not is_passing:
        return Refused(error=error)
    again = Again(reason="passing trouble", error=error)
    return _never_twice(again, request) if is_sent else again


Undecided = TypeVar("Undecided", bound=Outcome)


def _never_twice(outcome: Undecided, request: Request) -> Undecided | Refused:
    """The same outcome, unless a write would be sent again that may have happened; 401 and 429 say that it did not."""
    if request.is_repeatable or not isinstance(outcome, Again) or outcome.reason in ("token", "rate limit"):
        return outcome
    error = outcome.error
    return Refused(
        error=UncertainWrite(
            f"It is not known whether it happened. {error.message}",
            request=error.request,
            status=error.status,
            request_id=error.request_id,
        )
    )


def _again(reason: Reason, kind: type[ApiError], answer: Answer, request: Request) -> Again:
    wait = wait_seconds(answer)
    remark = f"asking to wait {wait:.0f} seconds" if wait else ""
    return Again(reason=reason, error=_error(kind, answer, request, remark), wait=wait)


def _damaged(answer: Answer, request: Request, defect: str) -> Again | Refused:
    if answer.is_interrupted:
        error = Unavailable(f"No whole answer: {defect}.", **_facts(answer, request))
        return Again(reason="passing trouble", error=error)
    return malformed(answer, request, defect)


def _document(answer: Answer, request: Request) -> Outcome:
    try:
        return Document(value=strict_json.parse(answer.body))
    except strict_json.NotStrictJson as error:
        return malformed(answer, request, str(error))


def _is_gone(answer: Answer) -> bool:
    """Whether a 404 is the API's own word about one thing; a web server's page says nothing about the thing."""
    problem = read_problem(answer)
    return problem is not None and "json" in (answer.content_type or "") and problem.get("status", 404) == 404


def _error(kind: type[ApiError], answer: Answer, request: Request, remark: str = "") -> ApiError:
    known = {status.value: f" {status.phrase}" for status in HTTPStatus}
    message = f"amoCRM answered {answer.status}{known.get(answer.status, '')}"
    for part in (remark, describe(read_problem(answer))):
        message += f": {part}" if part else ""
    advice = None if request.is_repeatable else _ADVICE_ON_WRITES.get(kind)
    return kind(f"{message}.", advice=advice, **_facts(answer, request))


_ADVICE_ON_WRITES: Mapping[type[ApiError], str] = {
    InvalidRequest: "This call changed nothing. Correct what the answer names, and plan again.",
    Forbidden: "This call changed nothing. Only an administrator of the account may make it.",
    NotFound: "This call changed nothing. If the thing is gone by now, plan again; else check AMOCRM_HOST.",
    RateLimited: "This call changed nothing. Plan again later, for what is left to do.",
}
"""What to do about a write that certainly did not happen, where that is not what to do about a failed load."""


def _facts(answer: Answer, request: Request) -> _Facts:
    return {"request": str(request), "status": answer.status, "request_id": answer.request_id}


class _Facts(TypedDict):
    """What every error tells of its answer."""

    request: str
    status: int
    request_id: str | None
