"""Parser of a row's scalars: missing values are reported, values of another type are kept as JSON."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from decimal import Decimal

from pipelines.amocrm import timestamps
from pipelines.amocrm.anomalies import AnomalyLog, quote_name
from pipelines.amocrm.models import Json
from pipelines.amocrm.numbered_lists import with_lists
from pipelines.amocrm.sanitize import fits_numeric, sanitize_json
from pipelines.amocrm.validation import parse_id, parse_row_id
from pipelines.base.checks import is_integer
from pipelines.base.errors import WrongAccount

INT64_RANGE = range(-(2**63), 2**63)
"""Integers that Postgres' ``bigint`` holds."""


class RowParser:
    """Parser of one row. ``thing`` is the kind of entity, ``known`` the documented keys.

    Raises ``InvalidRecord`` if the row has no usable id, and ``WrongAccount`` if it belongs to
    another account.
    """

    def __init__(
        self, row: Json, *, thing: str, known: Collection[str], anomaly_log: AnomalyLog, account_id: int | None = None
    ) -> None:
        self.id = parse_row_id(row, thing)
        self.row: Mapping[str, Json]  # with lists where the API wrote objects with numbered keys
        self.row, numbered = with_lists(row)
        self._thing = thing
        self._anomaly_log = anomaly_log
        self._extra = {key: value for key, value in self.row.items() if key not in known}
        if isinstance(row["id"], str):
            self.report("id_as_text", "the id came as text")
        for key in numbered:
            anomaly_log.add("list_as_object", thing, 0, quote_name(key))
        owner_id = row.get("account_id")
        if account_id is not None and owner_id is not None and parse_id(owner_id) != account_id:
            raise WrongAccount(f"{thing.capitalize()} {self.id} belongs to another account than {account_id}.")

    def report(self, kind: str, detail: str) -> None:
        """Record an anomaly of this entity."""
        self._anomaly_log.add(kind, self._thing, self.id, detail)

    def report_unknown_keys(self, documented: Collection[str] = ()) -> None:
        """Record each undocumented key, once for all rows of this kind: the API has changed, not the row."""
        for key in self._extra.keys() - set(documented):
            self._anomaly_log.add("unknown_key", self._thing, 0, quote_name(key))

    def keep_extra(self, key: str, value: Json) -> None:
        """Keep ``value`` under ``key`` with the unknown keys."""
        self._extra[key] = value

    def report_and_keep(self, key: str) -> None:
        """Report that a documented key's value has another type, and keep it."""
        self.report("untyped_value", quote_name(key))
        self.keep_extra(key, self.row[key])

    def text(self, key: str, *, is_optional: bool = False) -> str | None:
        """Return a text as Postgres can store it."""
        value = self._get_value(key, is_optional=is_optional)
        if isinstance(value, str):
            sanitized: str = self.sanitize(value, key)
            return sanitized
        self._keep_if_present(key)
        return None

    def integer(self, key: str) -> int | None:
        """Return a 64-bit integer."""
        value = self._get_value(key)
        if is_integer(value) and value in INT64_RANGE:
            return value
        self._keep_if_present(key)
        return None

    def number(self, key: str, *, is_optional: bool = False) -> Decimal | None:
        """Return a number that Postgres' ``numeric`` holds exactly."""
        value = self._get_value(key, is_optional=is_optional)
        if is_integer(value) or isinstance(value, Decimal):
            number = Decimal(value)
            if fits_numeric(number):
                return number
        self._keep_if_present(key)
        return None

    def boolean(self, key: str) -> bool | None:
        """Return a boolean."""
        value = self._get_value(key)
        if isinstance(value, bool):
            return value
        self._keep_if_present(key)
        return None

    def instant(self, key: str) -> datetime | None:
        """Convert Unix seconds to an instant."""
        value = self._get_value(key)
        instant = timestamps.parse_unix_seconds(value)
        if instant is None:
            self._keep_if_present(key)
        return instant

    def instant_outside_content(self, key: str) -> datetime | None:
        """Convert Unix seconds that are not part of the content; a value of another type is not kept."""
        value = self._get_value(key)
        instant = timestamps.parse_unix_seconds(value)
        if instant is None and value is not None:
            self.report("untyped_value", quote_name(key))
        return instant

    def count_outside_content(self, key: str) -> int | None:
        """Return a count that is not part of the content; a value of another type is not kept."""
        value = self._get_value(key)
        if is_integer(value) and 0 <= value in INT64_RANGE:
            return value
        if value is not None:
            self.report("untyped_value", quote_name(key))
        return None

    def sanitize(self, value: Json, key: str) -> Json:
        """Return the value of ``key`` as Postgres can store it."""
        return sanitize_json(value, lambda kind: self.report(kind, quote_name(key)))

    def extra(self) -> Json:
        """Return unknown keys and values of another type as received; None if there are none."""
        return sanitize_json(self._extra, lambda kind: self.report(kind, "in what is kept as JSON")) or None

    def _get_value(self, key: str, *, is_optional: bool = False) -> Json:
        """Return a value; report a missing one unless it is optional."""
        value = self.row.get(key)
        if value is None and not is_optional:
            self.report("missing_value", quote_name(key))
        return value

    def _keep_if_present(self, key: str) -> None:
        """Keep a value that could not be typed."""
        if self.row.get(key) is not None:
            self.report_and_keep(key)
