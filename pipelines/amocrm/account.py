"""The account, from the document of ``GET /api/v4/account?with=datetime_settings``. Its things are read elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from pipelines.amocrm.oddities import Notes
from pipelines.amocrm.records import Account, Json, Mode
from pipelines.amocrm.rows import RowReader
from pipelines.amocrm.shape import Misshapen

_MODES: Mapping[Json, Mode] = {
    "unavailable": "unavailable",
    "disabled": "disabled",
    "segments": "segments",
    "dynamic": "segments",  # the old name
    "periodicity": "periodicity",
}


def read_account(document: Json, notes: Notes) -> Account:
    """The account. Raises ``Misshapen`` where its id, mode or timezone is missing or unknown: all stands on them."""
    row = RowReader(document, thing="account", known=document if isinstance(document, dict) else (), notes=notes)
    mode = document.get("customers_mode")
    if not isinstance(mode, str) or mode not in _MODES:
        raise Misshapen("the account's 'customers_mode' is missing or unknown")
    return Account(
        id=row.id,
        name=row.text("name") or "",
        subdomain=row.text("subdomain", may_be_missing=True),
        timezone=_timezone(document),
        mode=_MODES[mode],
        country=row.text("country", may_be_missing=True),
        currency=row.text("currency", may_be_missing=True),
    )


def _timezone(document: Mapping[str, Json]) -> str:
    embedded = document.get("_embedded")
    settings = embedded.get("datetime_settings") if isinstance(embedded, dict) else None
    name = settings.get("timezone") if isinstance(settings, dict) else None
    try:
        return ZoneInfo(name if isinstance(name, str) else "").key
    except (KeyError, OSError, ValueError):
        raise Misshapen("the account's timezone is missing, or unknown to this machine") from None
