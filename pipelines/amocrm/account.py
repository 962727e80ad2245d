"""Parser of ``GET /api/v4/account?with=datetime_settings``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from zoneinfo import ZoneInfo, available_timezones

from pipelines.amocrm.anomalies import AnomalyLog, quote_name
from pipelines.amocrm.models import Account, Json, Mode
from pipelines.amocrm.row_parser import RowParser
from pipelines.amocrm.validation import InvalidRecord
from pipelines.base.errors import ModeDisagreement, WrongAccount

_MODES: Mapping[Json, Mode] = {
    "unavailable": "unavailable",
    "disabled": "disabled",
    "segments": "segments",
    "dynamic": "segments",  # the old name
    "periodicity": "periodicity",
}

_LOCAL_NAMES = re.compile(r"(?:localtime|posixrules|Factory)$|(?:posix|right)/", re.IGNORECASE)
"""Files of a machine's timezone folder that are no IANA names: the machine's own zone, and variants with leap
seconds."""


def parse_account(document: Json, anomaly_log: AnomalyLog) -> Account:
    """Parse the account. Raises ``InvalidRecord`` if its id, mode or timezone is missing or unknown."""
    row = RowParser(
        document, thing="account", known=document if isinstance(document, dict) else (), anomaly_log=anomaly_log
    )
    mode = document.get("customers_mode")
    if not isinstance(mode, str) or mode not in _MODES:
        raise InvalidRecord("the account's 'customers_mode' is missing or unknown")
    return Account(
        id=row.id,
        name=row.text("name") or "",
        subdomain=row.text("subdomain", is_optional=True),
        timezone=_parse_timezone(document, anomaly_log),
        mode=_MODES[mode],
        country=row.text("country", is_optional=True),
        currency=row.text("currency", is_optional=True),
    )


def require_same_account_and_mode(before: Account, after: Account) -> None:
    """Raise ``WrongAccount`` or ``ModeDisagreement`` if the account or its mode changed during the load.

    After either, missing entities would look deleted.
    """
    if after.id != before.id:
        raise WrongAccount(f"Account {before.id} turned into account {after.id} during the load.")
    if after.mode != before.mode:
        raise ModeDisagreement(f"The mode changed from '{before.mode}' to '{after.mode}' during the load.")


def _parse_timezone(document: Mapping[str, Json], anomaly_log: AnomalyLog) -> str:
    """Return the account's IANA timezone, whatever its case."""
    embedded = document.get("_embedded")
    settings = embedded.get("datetime_settings") if isinstance(embedded, dict) else None
    name = settings.get("timezone") if isinstance(settings, dict) else None
    if not isinstance(name, str) or _LOCAL_NAMES.match(name):
        raise InvalidRecord("the account's timezone is missing, or depends on the machine")
    try:
        return ZoneInfo(name).key
    except (KeyError, OSError, ValueError):
        known = next((known for known in available_timezones() if known.casefold() == name.casefold()), None)
    if known is None:
        raise InvalidRecord("the account's timezone is unknown to this machine")
    anomaly_log.add("timezone_spelling", "account", 0, f"the timezone is written {quote_name(name)}")
    return known
