"""Behaviour that amoCRM's documentation leaves open, or that differs between its lists."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Quirks:
    """Undocumented behaviour. To change it, replace the world's ``quirks``."""

    default_limit: int = 50  # page size without ``limit``
    max_limit: int = 250  # largest page size
    ignores_limit: bool = False  # pages have ``default_limit`` entities, whatever was requested
    is_empty_list_204: bool = True  # else 200 with an empty list
    is_missing_thing_204: bool = False  # else 404; some of amoCRM's endpoints return 204 for an unknown id
    has_totals: bool = True  # ``_total_items`` and ``_page_count``, both optional
    shows_enum_codes: bool = False  # ``enum_code: null`` beside ``enum_id``
    size_moves_updated_at: bool = False  # a changed size changes a segment's ``updated_at``
