"""The access to one account by OAuth: had for a code, renewed when it ends, and never lost by our own doing.

Each refresh token works once. So whoever renews does it alone, notes it before asking, and has the new pair on the disk
before anybody uses it. A renewal whose answer was lost is tried again with the old token, which cannot make anything
worse. If amoCRM then refuses that token, nobody has its successor: that is noted, amoCRM is not asked any more, and
somebody has to give access again. How tokens lie on the disk is ``token_file``'s subject.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Final

from pipelines.amocrm.conversation import Clocks
from pipelines.amocrm.oauth import Integration, Pair
from pipelines.amocrm.token_desk import TokenDesk
from pipelines.amocrm.token_file import Kept, TokenFile
from pipelines.errors import (
    ApiError,
    InvalidRequest,
    MustAuthorize,
    NotFound,
    Unauthorized,
    Unavailable,
    UncertainWrite,
)

TRIES: Final = 3
"""How often a renewal is asked for whose answers are lost."""

ENDS_SOON: Final = timedelta(minutes=1)
"""An access token that ends within this time is renewed before it is used."""

_ABOUT_THE_SETTINGS: Final = ("client", "redirect_uri", "grant_type")
"""What a refusal mentions that is the fault of the settings, and costs the token nothing."""

_ANOTHER_CODE: Final = "Each code works once, for twenty minutes: run './run auth login' for another one."
_CHECK_SETTINGS: Final = (
    "Check that AMOCRM_CLIENT_ID, AMOCRM_CLIENT_SECRET and AMOCRM_REDIRECT_URI are those of the integration's page."
)


class Authorization:
    """The access token of one account, as ``AmoClient`` wants it: callable, with ``refresh`` and ``find``.

    For one thread at a time; any number of them, in any number of processes, share the ``file``. ``base_url`` is the
    account's by the settings. What asks amoCRM raises the errors of ``ApiError``, ``MustAuthorize`` where only somebody
    who gives access can help; what reads or writes the file raises ``SettingsError``.
    """

    def __init__(
        self, integration: Integration, file: Path, base_url: str, *, desk: TokenDesk, clocks: Clocks | None = None
    ) -> None:
        self._client_id = integration.client_id
        self._configured_url = base_url
        self._desk = desk
        self._clocks = clocks or Clocks()
        self._file = TokenFile(file, self._clocks)
        self._given: Pair | None = None  # whose access token was given out

    @property
    def kept(self) -> Kept | None:
        """What is known of the access, by the file alone; None where there is none that belongs to the settings."""
        kept = self._file.read()
        return kept if kept and self._fits(kept) else None

    @property
    def base_url(self) -> str:
        """Where the account is, as far as is known."""
        return self.kept.base_url if self.kept else self._configured_url

    def __call__(self) -> str:
        """The access token, renewed if it has ended."""
        pair = self._given or self._last()
        if self._has_ended(pair):
            pair = self._renewed(instead_of=pair)
        self._given = pair
        return pair.access_token.reveal()

    def refresh(self) -> None:
        """Renew the access token that was given out last, unless another worker has done so already."""
        self._given = self._renewed(instead_of=self._given or self._last())

    def authorize(self, code: str) -> None:
        """Have the first pair for a code. What was kept before stays as it was where amoCRM refuses."""
        url = self._configured_url
        with self._file.locked():
            is_open = self._file.begin()
            try:
                pair = self._desk.first_pair(url, code)
            except ApiError as error:
                self._close(is_open=is_open)
                if not isinstance(error, Unauthorized | InvalidRequest | UncertainWrite):
                    raise
                raise MustAuthorize(f"The code brought no tokens. {error.message}", advice=_ANOTHER_CODE) from None
            self._keep(Kept(client_id=self._client_id, authorized_url=url, base_url=url, pair=pair))
        self._given = pair

    def find(self) -> str | None:
        """The account's base URL by amoCRM's own word, kept from now on; None where nobody says."""
        with self._file.locked():
            kept = self._usable()
            found = self._found(kept)
            if found.base_url != kept.base_url:
                self._keep(found)
        return found.base_url

    def _renewed(self, *, instead_of: Pair) -> Pair:
        with self._file.locked():
            kept = self._usable()
            if kept.pair.access_token != instead_of.access_token and not self._has_ended(kept.pair):
                return kept.pair  # another worker was quicker
            if kept.lost:
                raise MustAuthorize(kept.lost)
            renewed = self._renew(kept, is_open=self._file.begin())
            self._keep(renewed)
        return renewed.pair

    def _renew(self, kept: Kept, *, is_open: bool) -> Kept:
        """The next pair; ``is_open`` says that an earlier renewal may have had it, and that its answer is lost."""
        reason = ""
        for number in range(TRIES):
            try:
                return self._next(kept)
            except UncertainWrite as error:
                is_open, reason = True, error.message
                self._clocks.sleep(self._clocks.random() * 2.0**number)
            except (Unauthorized, InvalidRequest) as error:
                if not any(word in error.message.lower() for word in _ABOUT_THE_SETTINGS):
                    raise self._lost(kept, error, is_open=is_open) from None
                self._close(is_open=is_open)
                raise Unauthorized(error.message, advice=_CHECK_SETTINGS, request=error.request) from None
            except ApiError:
                self._close(is_open=is_open)
                raise
        raise Unavailable(f"The tokens could not be renewed in {TRIES} tries. {reason}")

    def _next(self, kept: Kept) -> Kept:
        """The next pair, from where the account is now."""
        try:
            return replace(kept, pair=self._desk.next_pair(kept.base_url, kept.pair))
        except NotFound:
            found = self._found(kept)
            if found.base_url == kept.base_url:
                raise
            return replace(found, pair=self._desk.next_pair(found.base_url, found.pair))

    def _found(self, kept: Kept) -> Kept:
        """The same with the base URL that the account has now, if amoCRM says so."""
        if kept.lost:
            return kept
        try:
            return replace(kept, base_url=self._desk.whereabouts(kept.base_url, kept.pair) or kept.base_url)
        except ApiError:
            return kept  # that it is not where it was is told already

    def _lost(self, kept: Kept, error: ApiError, *, is_open: bool) -> MustAuthorize:
        """Note that the refresh token is good for nothing, so that it is never sent again."""
        lost = (
            "The tokens are lost: they were being renewed, no answer arrived, and the old ones are not taken any more."
            if is_open
            else f"The tokens are good for nothing any more. {error.message}"
        )
        self._keep(replace(kept, lost=lost))
        return MustAuthorize(lost, request=error.request, status=error.status, request_id=error.request_id)

    def _close(self, *, is_open: bool) -> None:
        """Forget a renewal that certainly did not happen, unless an earlier one may have."""
        if not is_open:
            self._file.cancel()

    def _keep(self, kept: Kept) -> None:
        try:
            self._file.finish(kept)
        except OSError as error:
            raise MustAuthorize(
                f"What amoCRM answered cannot be kept in {self._file.path.parent}: {error.strerror}.",
                advice="Make the folder writable and its disk not full, then run './run auth login'.",
            ) from None

    def _last(self) -> Pair:
        """The pair that is kept. What a killed process left behind may be newer than what it put in its place."""
        kept = self.kept
        if kept is None or kept.lost:
            with self._file.locked():
                return self._usable().pair
        return kept.pair

    def _usable(self) -> Kept:
        kept = self._file.read()
        if kept is None:
            raise MustAuthorize("Nobody has given access to the account yet.")
        if not self._fits(kept):
            raise MustAuthorize(
                f"The tokens that are kept are of another integration or account, {kept.base_url.partition('://')[2]}."
            )
        return kept

    def _fits(self, kept: Kept) -> bool:
        """Whether it belongs to the settings, which may know the account by its old or its new host."""
        return kept.client_id == self._client_id and self._configured_url in (kept.authorized_url, kept.base_url)

    def _has_ended(self, pair: Pair) -> bool:
        return pair.access_ends_at is not None and pair.access_ends_at <= self._clocks.now() + ENDS_SOON
