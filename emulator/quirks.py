"""Choices that amoCRM's page leaves open, or that differ between its lists. Breakage is ``faults``' subject."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Quirks:
    """How this amoCRM behaves where the page does not say. Replace a world's ``quirks`` whole to change them."""

    default_limit: int = 50  # things a page without ``limit``
    max_limit: int = 250  # a larger ``limit`` counts as this one
    ignores_limit: bool = False  # every page has ``default_limit`` things, whatever was asked for
    is_empty_list_204: bool = True  # else 200 with an empty list
    is_missing_thing_204: bool = False  # else 404; some of amoCRM's entities answer 204 to an unknown id
    has_totals: bool = True  # ``_total_items`` and ``_page_count``, both optional
    shows_enum_codes: bool = False  # ``enum_code: null`` beside ``enum_id``
    size_moves_updated_at: bool = False  # whether a segment's ``updated_at`` follows its count
