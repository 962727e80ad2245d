"""The access to one account by OAuth: had for a code, renewed when it ends, and never lost by our own doing.

Each refresh token works once. So whoever renews does it alone, notes it before asking, and has the
new pair on the disk before anybody uses it. A renewal whose answer was lost is tried again with the
old token, which cannot make anything worse. If amoCRM then refuses that token, nobody has its
successor: that is noted, amoCRM is not asked any more, and somebody has to give access again. How
tokens lie on the disk is ``token_file``'s subject.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Final

from pipelines.amocrm.oauth import TokenPair
from pipelines.amocrm.token_endpoint import TokenEndpoint
from pipelines.amocrm.token_store import StoredTokens, TokenStore
from pipelines.base.clock import SYSTEM_CLOCK, Clock
from pipelines.base.errors import (
    ApiError,
    InvalidRequest,
    MustAuthorize,
    NotFound,
    Unauthorized,
    Unavailable,
    UncertainWrite,
)
from pipelines.config.integration import Integration

MAX_RENEWAL_ATTEMPTS: Final = 3
"""How often a renewal is asked for whose answers are lost."""

RENEW_BEFORE_EXPIRY: Final = timedelta(minutes=1)
"""An access token that ends within this time is renewed before it is used."""

_SETTINGS_ERROR_WORDS: Final = ("client", "redirect_uri", "grant_type")
"""What a refusal mentions that is the fault of the settings, and costs the token nothing."""

_NEW_CODE_ADVICE: Final = "Each code works once, for twenty minutes: run './run auth login' for another one."
_CHECK_SETTINGS_ADVICE: Final = (
    "Check that AMOCRM_CLIENT_ID, AMOCRM_CLIENT_SECRET and AMOCRM_REDIRECT_URI are those of the integration's page."
)


class Authorization:
    """The access token of one account, as ``AmoClient`` wants it: callable, with ``refresh`` and ``find``.

    For one thread at a time; any number of them, in any number of processes, share the ``file``.
    ``base_url`` is the account's by the settings. What asks amoCRM raises the errors of
    ``ApiError``, ``MustAuthorize`` where only somebody who gives access can help; what reads or
    writes the file raises ``SettingsError``.
    """

    def __init__(
        self,
        integration: Integration,
        file: Path,
        base_url: str,
        *,
        token_endpoint: TokenEndpoint,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._client_id = integration.client_id
        self._configured_url = base_url
        self._token_endpoint = token_endpoint
        self._clock = clock
        self._file = TokenStore(file, self._clock)
        self._issued_pair: TokenPair | None = None  # whose access token was given out

    @property
    def stored_tokens(self) -> StoredTokens | None:
        """What is known of the access, by the file alone; None where there is none that belongs to the settings."""
        stored_tokens = self._file.read()
        return stored_tokens if stored_tokens and self._matches_settings(stored_tokens) else None

    @property
    def base_url(self) -> str:
        """Where the account is, as far as is known."""
        return self.stored_tokens.base_url if self.stored_tokens else self._configured_url

    def __call__(self) -> str:
        """The access token, renewed if it has ended."""
        pair = self._issued_pair or self._current_pair()
        if self._is_expired(pair):
            pair = self._renew_pair(outdated=pair)
        self._issued_pair = pair
        return pair.access_token.reveal()

    def refresh(self) -> None:
        """Renew the access token that was given out last, unless another worker has done so already."""
        self._issued_pair = self._renew_pair(outdated=self._issued_pair or self._current_pair())

    def authorize(self, code: str) -> None:
        """Have the first pair for a code.

        What was kept before stays as it was where amoCRM refuses.
        """
        url = self._configured_url
        with self._file.locked():
            is_unresolved = self._file.begin_renewal()
            try:
                pair = self._token_endpoint.exchange_code(url, code)
            except ApiError as error:
                self._cancel_renewal(is_unresolved=is_unresolved)
                if not isinstance(error, Unauthorized | InvalidRequest | UncertainWrite):
                    raise
                raise MustAuthorize(f"The code brought no tokens. {error.message}", advice=_NEW_CODE_ADVICE) from None
            self._store(StoredTokens(client_id=self._client_id, authorized_url=url, base_url=url, pair=pair))
        self._issued_pair = pair

    def find(self) -> str | None:
        """The account's base URL by amoCRM's own word, kept from now on; None where nobody says."""
        with self._file.locked():
            stored_tokens = self._require_tokens()
            moved = self._with_current_host(stored_tokens)
            if moved.base_url != stored_tokens.base_url:
                self._store(moved)
        return moved.base_url

    def _renew_pair(self, *, outdated: TokenPair) -> TokenPair:
        with self._file.locked():
            stored_tokens = self._require_tokens()
            if stored_tokens.pair.access_token != outdated.access_token and not self._is_expired(stored_tokens.pair):
                return stored_tokens.pair  # another worker was quicker
            if stored_tokens.lost_reason:
                raise MustAuthorize(stored_tokens.lost_reason)
            renewed = self._renew_with_retry(stored_tokens, is_unresolved=self._file.begin_renewal())
            self._store(renewed)
        return renewed.pair

    def _renew_with_retry(self, stored_tokens: StoredTokens, *, is_unresolved: bool) -> StoredTokens:
        """The next pair; ``is_open`` says that an earlier renewal may have had it, and that its answer is lost."""
        reason = ""
        for attempt in range(MAX_RENEWAL_ATTEMPTS):
            try:
                return self._request_next_pair(stored_tokens)
            except UncertainWrite as error:
                is_unresolved, reason = True, error.message
                self._clock.sleep(self._clock.random() * 2.0**attempt)
            except (Unauthorized, InvalidRequest) as error:
                if not any(word in error.message.lower() for word in _SETTINGS_ERROR_WORDS):
                    raise self._record_loss(stored_tokens, error, is_unresolved=is_unresolved) from None
                self._cancel_renewal(is_unresolved=is_unresolved)
                raise Unauthorized(error.message, advice=_CHECK_SETTINGS_ADVICE, request=error.request) from None
            except ApiError:
                self._cancel_renewal(is_unresolved=is_unresolved)
                raise
        raise Unavailable(f"The tokens could not be renewed in {MAX_RENEWAL_ATTEMPTS} tries. {reason}")

    def _request_next_pair(self, stored_tokens: StoredTokens) -> StoredTokens:
        """The next pair, from where the account is now."""
        try:
            return replace(
                stored_tokens, pair=self._token_endpoint.refresh_pair(stored_tokens.base_url, stored_tokens.pair)
            )
        except NotFound:
            moved = self._with_current_host(stored_tokens)
            if moved.base_url == stored_tokens.base_url:
                raise
            return replace(moved, pair=self._token_endpoint.refresh_pair(moved.base_url, moved.pair))

    def _with_current_host(self, stored_tokens: StoredTokens) -> StoredTokens:
        """The same with the base URL that the account has now, if amoCRM says so."""
        if stored_tokens.lost_reason:
            return stored_tokens
        try:
            return replace(
                stored_tokens,
                base_url=self._token_endpoint.fetch_account_host(stored_tokens.base_url, stored_tokens.pair)
                or stored_tokens.base_url,
            )
        except ApiError:
            return stored_tokens  # that it is not where it was is told already

    def _record_loss(self, stored_tokens: StoredTokens, error: ApiError, *, is_unresolved: bool) -> MustAuthorize:
        """Note that the refresh token is good for nothing, so that it is never sent again."""
        lost_reason = (
            "The tokens are lost: they were being renewed, no answer arrived, and the old ones are not taken any more."
            if is_unresolved
            else f"The tokens are good for nothing any more. {error.message}"
        )
        self._store(replace(stored_tokens, lost_reason=lost_reason))
        return MustAuthorize(lost_reason, request=error.request, status=error.status, request_id=error.request_id)

    def _cancel_renewal(self, *, is_unresolved: bool) -> None:
        """Forget a renewal that certainly did not happen, unless an earlier one may have."""
        if not is_unresolved:
            self._file.cancel_renewal()

    def _store(self, stored_tokens: StoredTokens) -> None:
        try:
            self._file.finish_renewal(stored_tokens)
        except OSError as error:
            raise MustAuthorize(
                f"What amoCRM answered cannot be kept in {self._file.path.parent}: {error.strerror}.",
                advice="Make the folder writable and its disk not full, then run './run auth login'.",
            ) from None

    def _current_pair(self) -> TokenPair:
        """The pair that is kept.

        What a killed process left behind may be newer than what it put in its place.
        """
        stored_tokens = self.stored_tokens
        if stored_tokens is None or stored_tokens.lost_reason:
            with self._file.locked():
                return self._require_tokens().pair
        return stored_tokens.pair

    def _require_tokens(self) -> StoredTokens:
        stored_tokens = self._file.read()
        if stored_tokens is None:
            raise MustAuthorize("Nobody has given access to the account yet.")
        if not self._matches_settings(stored_tokens):
            raise MustAuthorize(
                f"The tokens that are kept are of another integration or account, {stored_tokens.base_url.partition('://')[2]}."
            )
        return stored_tokens

    def _matches_settings(self, stored_tokens: StoredTokens) -> bool:
        """Whether it belongs to the settings, which may know the account by its old or its new host."""
        return stored_tokens.client_id == self._client_id and self._configured_url in (
            stored_tokens.authorized_url,
            stored_tokens.base_url,
        )

    def _is_expired(self, pair: TokenPair) -> bool:
        return pair.access_expires_at is not None and pair.access_expires_at <= self._clock.now() + RENEW_BEFORE_EXPIRY
