"""OAuth access to one account: exchange of a code, renewal of tokens, recovery of lost responses.

Each refresh token works once (https://www.amocrm.com/developers/content/oauth/step-by-step). A
renewal therefore holds a lock, is recorded on disk before the request, and stores the new pair
before anyone uses it. If a response is lost, the renewal is retried with the old token, which can
do no harm. If amoCRM then rejects that token, the new one is lost: this is recorded, no more
requests are sent, and a person has to grant access again.
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
"""Attempts of a renewal whose responses are lost."""

RENEW_BEFORE_EXPIRY: Final = timedelta(minutes=1)
"""An access token that expires within this time is renewed before use."""

_SETTINGS_ERROR_WORDS: Final = ("client", "redirect_uri", "grant_type")
"""Words of a rejection that is caused by the settings and does not use up the refresh token."""

_NEW_CODE_ADVICE: Final = "A code works once and for 20 minutes: run './run auth login' for a new one."
_CHECK_SETTINGS_ADVICE: Final = (
    "Check that AMOCRM_CLIENT_ID, AMOCRM_CLIENT_SECRET and AMOCRM_REDIRECT_URI match the integration's page."
)


class Authorization:
    """Access token of one account: a callable for ``AmoClient``, with ``refresh`` and ``find``.

    Not thread-safe, but any number of instances in any number of processes share ``file``.
    ``base_url`` is the account's URL in the settings. Raises the errors of ``ApiError``,
    ``MustAuthorize`` if a person has to grant access, and ``SettingsError`` if the file cannot be
    read or written.
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
        self._token_store = TokenStore(file, self._clock)
        self._issued_pair: TokenPair | None = None  # pair of the access token returned last

    @property
    def stored_tokens(self) -> StoredTokens | None:
        """Tokens stored on disk; None if there are none for these settings."""
        stored_tokens = self._token_store.read()
        return stored_tokens if stored_tokens and self._matches_settings(stored_tokens) else None

    @property
    def base_url(self) -> str:
        """Account's base URL: the stored one, otherwise the configured one."""
        return self.stored_tokens.base_url if self.stored_tokens else self._configured_url

    def __call__(self) -> str:
        """Return the access token, renewed if it has expired."""
        pair = self._issued_pair or self._current_pair()
        if self._is_expired(pair):
            pair = self._renew_pair(outdated=pair)
        self._issued_pair = pair
        return pair.access_token.reveal()

    def refresh(self) -> None:
        """Renew the access token returned last, unless another worker has already done so."""
        self._issued_pair = self._renew_pair(outdated=self._issued_pair or self._current_pair())

    def authorize(self, code: str) -> None:
        """Exchange a code for the first pair of tokens.

        If amoCRM refuses, stored tokens are kept.
        """
        url = self._configured_url
        with self._token_store.locked():
            is_unresolved = self._token_store.begin_renewal()
            try:
                pair = self._token_endpoint.exchange_code(url, code)
            except ApiError as error:
                self._cancel_renewal(is_unresolved=is_unresolved)
                if not isinstance(error, Unauthorized | InvalidRequest | UncertainWrite):
                    raise
                raise MustAuthorize(
                    f"amoCRM issued no tokens for the code. {error.message}", advice=_NEW_CODE_ADVICE
                ) from None
            self._store(StoredTokens(client_id=self._client_id, authorized_url=url, base_url=url, pair=pair))
        self._issued_pair = pair

    def find(self) -> str | None:
        """Ask amoCRM for the account's current base URL and store it.

        Returns the stored one if amoCRM does not say.
        """
        with self._token_store.locked():
            stored_tokens = self._require_tokens()
            moved = self._with_current_host(stored_tokens)
            if moved.base_url != stored_tokens.base_url:
                self._store(moved)
        return moved.base_url

    def _renew_pair(self, *, outdated: TokenPair) -> TokenPair:
        """Renew and store the tokens under the lock, unless another worker already replaced ``outdated``."""
        with self._token_store.locked():
            stored_tokens = self._require_tokens()
            if stored_tokens.pair.access_token != outdated.access_token and not self._is_expired(stored_tokens.pair):
                return stored_tokens.pair  # another worker has renewed it
            if stored_tokens.lost_reason:
                raise MustAuthorize(stored_tokens.lost_reason)
            renewed = self._renew_with_retry(stored_tokens, is_unresolved=self._token_store.begin_renewal())
            self._store(renewed)
        return renewed.pair

    def _renew_with_retry(self, stored_tokens: StoredTokens, *, is_unresolved: bool) -> StoredTokens:
        """Request the next pair; retry while responses are lost.

        An error about the settings, such as a wrong client secret, cancels the renewal: the stored tokens still
        work. Any other refusal means that they are lost.

        ``is_unresolved``: an earlier renewal may have used the refresh token, and its response is
        lost.
        """
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
        raise Unavailable(f"The tokens could not be renewed in {MAX_RENEWAL_ATTEMPTS} attempts. {reason}")

    def _request_next_pair(self, stored_tokens: StoredTokens) -> StoredTokens:
        """Request the next pair; after a 404, from the host that the account moved to."""
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
        """Return the tokens with the account's current base URL, unchanged if amoCRM does not say."""
        if stored_tokens.lost_reason:
            return stored_tokens
        try:
            return replace(
                stored_tokens,
                base_url=self._token_endpoint.fetch_account_host(stored_tokens.base_url, stored_tokens.pair)
                or stored_tokens.base_url,
            )
        except ApiError:
            return stored_tokens  # the caller reports the 404

    def _record_loss(self, stored_tokens: StoredTokens, error: ApiError, *, is_unresolved: bool) -> MustAuthorize:
        """Store that the refresh token is useless, so that it is never sent again, and return the error."""
        lost_reason = (
            "The tokens are lost: the response to their renewal did not arrive, and amoCRM rejects the old ones."
            if is_unresolved
            else f"The tokens no longer work. {error.message}"
        )
        self._store(replace(stored_tokens, lost_reason=lost_reason))
        return MustAuthorize(lost_reason, request=error.request, status=error.status, request_id=error.request_id)

    def _cancel_renewal(self, *, is_unresolved: bool) -> None:
        """Delete the record of a renewal that did not happen, unless an earlier one is unresolved."""
        if not is_unresolved:
            self._token_store.cancel_renewal()

    def _store(self, stored_tokens: StoredTokens) -> None:
        """Store tokens durably.

        Raises ``MustAuthorize`` if the disk fails, since the new pair is then lost.
        """
        try:
            self._token_store.finish_renewal(stored_tokens)
        except OSError as error:
            raise MustAuthorize(
                f"The tokens from amoCRM cannot be stored in {self._token_store.path.parent}: {error.strerror}.",
                advice="Make the folder writable and free disk space, then run './run auth login'.",
            ) from None

    def _current_pair(self) -> TokenPair:
        """Return the stored pair.

        If it is lost or missing, first recover one that a killed process left.
        """
        stored_tokens = self.stored_tokens
        if stored_tokens is None or stored_tokens.lost_reason:
            with self._token_store.locked():
                return self._require_tokens().pair
        return stored_tokens.pair

    def _require_tokens(self) -> StoredTokens:
        """Return the stored tokens.

        Raises ``MustAuthorize`` if there are none for these settings.
        """
        stored_tokens = self._token_store.read()
        if stored_tokens is None:
            raise MustAuthorize("Access to the account has not been granted yet.")
        if not self._matches_settings(stored_tokens):
            raise MustAuthorize(
                "The stored tokens belong to another integration or account, "
                f"{stored_tokens.base_url.partition('://')[2]}."
            )
        return stored_tokens

    def _matches_settings(self, stored_tokens: StoredTokens) -> bool:
        """Return True if the tokens belong to the settings, which may name the account's old or new host."""
        return stored_tokens.client_id == self._client_id and self._configured_url in (
            stored_tokens.authorized_url,
            stored_tokens.base_url,
        )

    def _is_expired(self, pair: TokenPair) -> bool:
        """Return True if the access token expires within ``RENEW_BEFORE_EXPIRY``."""
        return pair.access_expires_at is not None and pair.access_expires_at <= self._clock.now() + RENEW_BEFORE_EXPIRY
