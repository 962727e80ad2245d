"""Changes of field definitions and options."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from emulator.entities import OPTION_TYPES, Field, Json, Option
from emulator.world_base import WorldBase


class FieldChanges(WorldBase):
    """Changes of field definitions and options. Segments show them at once, and their ``updated_at`` stays."""

    def add_field(
        self, account_id: int, name: str, kind: str, *, code: str | None = None, options: Sequence[str] = ()
    ) -> int:
        """Define a custom field for segments and return its id. ``kind`` is usually one of ``FIELD_TYPES``."""
        if options and kind not in OPTION_TYPES:
            raise ValueError(f"a field of type {kind} has no options")
        with self.changing(account_id) as account:
            field_id = self.allocate_id("field")
            sort = 500 + len(account.fields)
            account.fields[field_id] = Field(id=field_id, name=name, type=kind, code=code, sort=sort)
            for label in options:
                self.add_option(account_id, field_id, label)
            return field_id

    def rename_field(self, account_id: int, field_id: int, name: str) -> None:
        """Change a field's name; every segment that has a value shows the new one."""
        with self._changing_field(account_id, field_id) as definition:
            definition.name = name

    def retype_field(self, account_id: int, field_id: int, kind: str) -> None:
        """Change a field's type and leave the values as they are."""
        with self._changing_field(account_id, field_id) as definition:
            definition.type = kind

    def set_field_extra(self, account_id: int, field_id: int, key: str, value: Json) -> None:
        """Add an undocumented key."""
        with self._changing_field(account_id, field_id) as definition:
            definition.extra[key] = value

    def delete_field(self, account_id: int, field_id: int) -> None:
        """Delete a field; segments no longer show its values."""
        with self._changing_field(account_id, field_id) as definition:
            definition.deleted_at = self.timestamp()

    def restore_field(self, account_id: int, field_id: int) -> None:
        """Restore a deleted field with its values."""
        with self._changing_field(account_id, field_id) as definition:
            definition.deleted_at = None

    def add_option(self, account_id: int, field_id: int, label: str) -> int:
        """Add an option to a field and return its id."""
        with self._changing_field(account_id, field_id) as definition:
            option_id = self.allocate_id("option")
            definition.options[option_id] = Option(id=option_id, value=label, sort=500 + len(definition.options))
            return option_id

    def rename_option(self, account_id: int, field_id: int, option_id: int, label: str) -> None:
        """Change an option's label; every segment with this option shows the new one."""
        with self._changing_field(account_id, field_id) as definition:
            definition.options[option_id].value = label

    def remove_option(self, account_id: int, field_id: int, option_id: int) -> None:
        """Remove an option, also from segments that have it."""
        with self.changing(account_id) as account:
            del account.fields[field_id].options[option_id]
            for segment in account.segments.values():
                values = segment.values.get(field_id, [])
                kept = [value for value in values if value.get("enum_id") != option_id]
                if len(kept) < len(values):
                    segment.values[field_id] = kept

    @contextmanager
    def _changing_field(self, account_id: int, field_id: int) -> Iterator[Field]:
        with self.changing(account_id) as account:
            yield account.fields[field_id]
