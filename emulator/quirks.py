"""Behaviour that amoCRM's documentation leaves open, or that differs between its lists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


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
    is_past_end_204: bool = True  # a page past the end; else 200 with an empty list
    customers_order: Literal["id", "updated_at"] = "id"
    falls_back_over_max: bool = True  # customers above ``max_limit``: pages of ``default_limit``, else of ``max_limit``
    customers_504_above: int | None = None  # a larger ``limit`` of customers gets 504
    lists_504_above: int | None = None  # the same of segments and fields
    is_unknown_customer_404: bool = False  # by id, else 204
    hidden_customer_status: Literal[200, 204, 403] = 403  # by id, of a customer that the user may not see
    is_deleted_customer_204: bool = True  # by id, else 200 with ``is_deleted``
    stage_moves_customer_updated_at: bool = True
    segment_moves_customer_updated_at: bool = True
    size_lag_seconds: int = 0  # sizes that follow from customers are counted this often; 0: at once
    customer_changes_per_page: float = 0.0  # random changes before each page of customers
    missing_event_share: float = 0.0  # events that no list shows
    events_kept_days: int | None = None
    ignores_event_filters: bool = False
    events_oldest_first: bool = False
