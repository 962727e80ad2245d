"""Credentials of an OAuth integration, as amoCRM's page of the integration shows them."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.base.secret import Secret


@dataclass(frozen=True, kw_only=True, slots=True)
class Integration:
    """A client of amoCRM's OAuth, as the integration's page in amoCRM shows it."""

    client_id: str
    client_secret: Secret
    redirect_uri: str  # exactly as written there
