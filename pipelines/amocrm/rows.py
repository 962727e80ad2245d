"""The scalars of one row of an answer, typed: what is missing is noted, what is of another type is kept as it came."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from pipelines.amocrm import moments
from pipelines.amocrm.oddities import Notes, quoted
from pipelines.amocrm.records import Json
from pipelines.amocrm.shape import row_id, usable_id
from pipelines.amocrm.storable import storable_json
from pipelines.errors import WrongAccount

INT_64 = range(-(2**63), 2**63)
"""Integers that Postgres' ``bigint`` holds."""


class RowReader:
    """Reads the values of one row. ``thing`` is what it is a row of, ``known`` the keys that some page documents.

    Raises ``Misshapen`` where the row has no usable id, and ``WrongAccount`` where it belongs to another account.
    """

    def __init__(
        self, row: Json, *, thing: str, known: Collection[str], notes: Notes, account_id: int | None = None
    ) -> None:
        self.id = row_id(row, thing)
        self._row: Mapping[str, Json] = row
        self._thing = thing
        self._notes = notes
        self._kept = {key: value for key, value in self._row.items() if key not in known}
        if isinstance(row["id"], str):
            self.note("id_as_text", "the id came as text")
        belongs_to = row.get("account_id")
        if account_id is not None and belongs_to is not None and usable_id(belongs_to) != account_id:
            raise WrongAccount(f"{thing.capitalize()} {self.id} belongs to another account than {account_id}.")

    def note(self, kind: str, detail: str) -> None:
        """Note an oddity of this row's thing."""
        self._notes.add(kind, self._thing, self.id, detail)

    def note_unknown_keys(self, documented: Collection[str] = ()) -> None:
        """Note each key that no page documents, once for all rows of the kind: it is the API that has changed."""
        for key in self._kept.keys() - set(documented):
            self._notes.add("unknown_key", self._thing, 0, quoted(key))

    def keep(self, key: str, value: Json) -> None:
        """Keep ``value`` as it came, under ``key``, with the unknown keys."""
        self._kept[key] = value

    def keep_untyped(self, key: str) -> None:
        """Note that the value of a documented key is not of its type, and keep it."""
        self.note("untyped_value", quoted(key))
        self.keep(key, self._row[key])

    def text(self, key: str, *, may_be_missing: bool = False) -> str | None:
        """A text, as Postgres can store it."""
        value = self._present(key, may_be_missing=may_be_missing)
        if isinstance(value, str):
            clean: str = self.storable(value, key)
            return clean
        self._keep_unless_missing(key)
        return None

    def integer(self, key: str) -> int | None:
        """An integer of 64 bits."""
        value = self._present(key)
        if isinstance(value, int) and not isinstance(value, bool) and value in INT_64:
            return value
        self._keep_unless_missing(key)
        return None

    def boolean(self, key: str) -> bool | None:
        """A truth value."""
        value = self._present(key)
        if isinstance(value, bool):
            return value
        self._keep_unless_missing(key)
        return None

    def instant(self, key: str) -> datetime | None:
        """Unix seconds as an instant."""
        value = self._present(key)
        found = moments.unix_instant(value)
        if found is None:
            self._keep_unless_missing(key)
        return found

    def passing_instant(self, key: str) -> datetime | None:
        """Unix seconds as an instant that is no part of the content, and so not kept where it is of another type."""
        value = self._present(key)
        found = moments.unix_instant(value)
        if found is None and value is not None:
            self.note("untyped_value", quoted(key))
        return found

    def passing_count(self, key: str) -> int | None:
        """A number of things that is no part of the content, and so not kept where it is of another type."""
        value = self._present(key)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value in INT_64:
            return value
        if value is not None:
            self.note("untyped_value", quoted(key))
        return None

    def storable(self, value: Json, key: str) -> Json:
        """A value under ``key`` as Postgres can store it."""
        return storable_json(value, lambda kind: self.note(kind, quoted(key)))

    def extra(self) -> Json:
        """What has no place of its own, as received: unknown keys, values that could not be typed. None for nothing."""
        return storable_json(self._kept, lambda kind: self.note(kind, "in what is kept as JSON")) or None

    def _present(self, key: str, *, may_be_missing: bool = False) -> Json:
        value = self._row.get(key)
        if value is None and not may_be_missing:
            self.note("missing_value", quoted(key))
        return value

    def _keep_unless_missing(self, key: str) -> None:
        if self._row.get(key) is not None:
            self.keep_untyped(key)
