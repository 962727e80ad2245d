"""Credentials of an OAuth integration."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.base.secret import Secret


@dataclass(frozen=True, kw_only=True, slots=True)
class Integration:
    """OAuth client, as the integration's page in amoCRM shows it."""

    client_id: str
    client_secret: Secret
    redirect_uri: str  # exactly as on that page
