"""Changes of segments and of their field values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from emulator.entities import Json, Segment
from emulator.values import to_api_values
from emulator.world_base import WorldBase


class SegmentChanges(WorldBase):
    """Changes of segments. All except ``set_size`` change ``updated_at``."""

    def add_segment(
        self,
        account_id: int,
        name: str,
        *,
        color: str = "10599d",
        size: int = 0,
        price_field_ids: Sequence[int] = (),
        place: int | None = None,
    ) -> int:
        """Add a segment and return its id. ``place`` is its list position; by default it depends on the id."""
        with self.changing(account_id) as account:
            segment_id, now = self.allocate_id("segment"), self.timestamp()
            account.segments[segment_id] = Segment(
                id=segment_id,
                name=name,
                color=color,
                created_at=now,
                updated_at=now,
                customers_count=size,
                price_field_ids=list(price_field_ids),
            )
            hashed_position = segment_id * 2_654_435_761 % 2**32 % (len(account.segment_order) + 1)
            account.segment_order.insert(hashed_position if place is None else place, segment_id)
            return segment_id

    def rename_segment(self, account_id: int, segment_id: int, name: str) -> None:
        """Change a segment's name."""
        with self._changing_segment(account_id, segment_id) as segment:
            segment.name = name

    def recolor_segment(self, account_id: int, segment_id: int, color: str) -> None:
        """Change a segment's colour, written without ``#``."""
        with self._changing_segment(account_id, segment_id) as segment:
            segment.color = color

    def set_price_fields(self, account_id: int, segment_id: int, price_field_ids: Sequence[int]) -> None:
        """Change which prices are available to a segment."""
        with self._changing_segment(account_id, segment_id) as segment:
            segment.price_field_ids = list(price_field_ids)

    def set_size(self, account_id: int, segment_id: int, size: int) -> None:
        """Change a segment's size; ``updated_at`` changes only if ``quirks`` say so."""
        with self.changing(account_id) as account:
            segment = account.segments[segment_id]
            segment.customers_count = size
            if self.quirks.size_moves_updated_at:
                segment.updated_at = self.timestamp()

    def set_segment_extra(self, account_id: int, segment_id: int, key: str, value: Json) -> None:
        """Add an undocumented key."""
        with self._changing_segment(account_id, segment_id) as segment:
            segment.extra[key] = value

    def delete_segment(self, account_id: int, segment_id: int) -> None:
        """Delete a segment; neither the list nor its id shows it any longer."""
        with self._changing_segment(account_id, segment_id) as segment:
            segment.deleted_at = self.timestamp()

    def restore_segment(self, account_id: int, segment_id: int) -> None:
        """Restore a deleted segment with its old id, as the vendor's support could; the API cannot."""
        with self.changing(account_id) as account:
            account.segments[segment_id].deleted_at = None

    def set_field_value(self, account_id: int, segment_id: int, field_id: int, value: Json) -> None:
        """Set a field of a segment, in the format of its type; None clears it.

        Options are given by their ids (several for multiselect). A ``date`` becomes midnight in the account's timezone,
        a ``datetime`` its unix time. Other values are stored as given.
        """
        with self.lock:
            account = self.account(account_id)
            values = [] if value is None else to_api_values(account.fields[field_id], value, account.timezone)
            self.set_raw_values(account_id, segment_id, field_id, values)

    def set_raw_values(
        self, account_id: int, segment_id: int, field_id: int, values: Sequence[Mapping[str, Json]]
    ) -> None:
        """Set the items of ``values`` without validation."""
        with self._changing_segment(account_id, segment_id) as segment:
            if values:
                segment.values[field_id] = [dict(one) for one in values]
            else:
                segment.values.pop(field_id, None)

    @contextmanager
    def _changing_segment(self, account_id: int, segment_id: int) -> Iterator[Segment]:
        with self.changing(account_id) as account:
            yield account.segments[segment_id]
            account.segments[segment_id].updated_at = self.timestamp()
