"""Entities of an account as plain data, with their JSON in the API."""

from __future__ import annotations

import copy
import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeAlias, get_args
from zoneinfo import ZoneInfo

Json: TypeAlias = Any
"""Any JSON value."""

Mode: TypeAlias = Literal["unavailable", "disabled", "segments", "dynamic", "periodicity"]
"""``customers_mode`` of an account; ``dynamic`` is the old name of ``segments``."""

MODES: tuple[str, ...] = get_args(Mode)

OPTION_TYPES = ("select", "multiselect", "radiobutton")
FIELD_TYPES = ("text", "numeric", "checkbox", *OPTION_TYPES, "date", "url", "date_time", "textarea", "streetaddress")
"""All types of segments' custom fields."""


@dataclass(kw_only=True, slots=True)
class Option:
    """One choice of a field of ``OPTION_TYPES``."""

    id: int
    value: str
    sort: int

    def item(self) -> dict[str, Json]:
        """Return the option as in the API's ``enums``."""
        return {"id": self.id, "value": self.value, "sort": self.sort}


@dataclass(kw_only=True, slots=True)
class Field:
    """Definition of a custom field of segments."""

    id: int
    name: str
    type: str
    code: str | None = None
    sort: int = 0
    options: dict[int, Option] = field(default_factory=dict)
    extra: dict[str, Json] = field(default_factory=dict)  # undocumented keys
    deleted_at: int | None = None

    def item(self, account: Account) -> dict[str, Json]:
        """Return the definition's JSON in the API, without links."""
        options = sorted(self.options.values(), key=lambda option: (option.sort, option.id))
        return {
            "id": self.id,
            "name": self.name,
            "type": self.type,
            "account_id": account.id,
            "code": self.code,
            "sort": self.sort,
            "is_api_only": False,
            "enums": [option.item() for option in options] if self.type in OPTION_TYPES else None,
            "group_id": None,
            "required_statuses": [],
            "is_deletable": True,
            "is_predefined": False,
            "entity_type": "segments",
            "remind": None,
            "tracking_callback": None,
        } | self.extra


@dataclass(kw_only=True, slots=True)
class Segment:
    """One customer segment. ``values`` holds the API's ``values`` items by field id, options as ``{"enum_id": id}``."""

    id: int
    name: str
    color: str
    created_at: int  # unix seconds, as all times here
    updated_at: int
    customers_count: int = 0
    price_field_ids: list[int] = field(default_factory=list)
    values: dict[int, list[dict[str, Json]]] = field(default_factory=dict)
    extra: dict[str, Json] = field(default_factory=dict)
    deleted_at: int | None = None

    def item(self, account: Account, *, with_enum_codes: bool = False) -> dict[str, Json]:
        """Return the segment's JSON in the API, without links."""
        return {
            "id": self.id,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
            "account_id": account.id,
            "name": self.name,
            "color": self.color,
            "available_products_price_types": list(self.price_field_ids),
            "customers_count": self.customers_count,
            "custom_fields_values": [
                {
                    "values": [_value_item(definition, value, with_enum_codes) for value in self.values[definition.id]],
                    "field_id": definition.id,
                    "field_name": definition.name,
                    "field_code": definition.code,
                    "field_type": definition.type,
                }
                for definition in account.live_fields()
                if self.values.get(definition.id)
            ],
        } | self.extra


def _value_item(definition: Field, value: dict[str, Json], with_enum_codes: bool) -> dict[str, Json]:
    option = definition.options.get(value.get("enum_id", 0))
    if option is None:
        return dict(value)
    shown: dict[str, Json] = {"value": option.value, "enum_id": option.id}
    return shown | {"enum_code": None} if with_enum_codes else shown


@dataclass(kw_only=True, slots=True)
class Stage:
    """One customer status."""

    id: int
    name: str
    sort: int
    color: str
    type: int = 0
    is_default: bool = False
    conditions: list[list[dict[str, Json]]] = field(default_factory=list)
    extra: dict[str, Json] = field(default_factory=dict)
    deleted_at: int | None = None

    def item(self, account: Account) -> dict[str, Json]:
        """Return the stage's JSON in the API, without links."""
        return {
            "id": self.id,
            "name": self.name,
            "sort": self.sort,
            "is_default": self.is_default,
            "conditions": self.conditions,
            "color": self.color,
            "type": self.type,
            "account_id": account.id,
        } | self.extra


@dataclass(kw_only=True, slots=True)
class Integration:
    """OAuth client."""

    client_id: str
    client_secret: str
    redirect_uri: str


@dataclass(kw_only=True, slots=True)
class Grant:
    """Authorization code or refresh token, which can be used once."""

    kind: str  # code, refresh_token
    client_id: str
    account_id: int
    expires_at: int
    is_used: bool = False


@dataclass(kw_only=True, slots=True)
class Account:
    """One account with all its entities, including deleted ones and those of the inactive mode."""

    id: int
    name: str
    subdomain: str
    timezone: str
    country: str
    currency: str
    currency_symbol: str
    mode: Mode
    admin_id: int  # a user who may write
    user_id: int  # a user who may only read
    created_at: int
    segments: dict[int, Segment] = field(default_factory=dict)
    segment_order: list[int] = field(default_factory=list)  # the order of the list, which is not that of the ids
    fields: dict[int, Field] = field(default_factory=dict)
    stages: dict[int, Stage] = field(default_factory=dict)
    is_filter_enabled: bool = False  # a paid option: without it, lists ignore ``filter``
    revision: int = 0  # counts the changes in this process; not part of the state

    def to_json(self) -> dict[str, Json]:
        """Serialize the account; dictionaries by id become lists, because JSON keys are strings."""
        plain = asdict(self)
        for name in ("segments", "fields", "stages"):
            plain[name] = list(plain[name].values())
        for segment in plain["segments"]:
            segment["values"] = list(segment["values"].items())
        for definition in plain["fields"]:
            definition["options"] = list(definition["options"].values())
        del plain["revision"]
        unshared: dict[str, Json] = json.loads(json.dumps(plain))  # tuples become lists too
        return unshared

    @classmethod
    def from_json(cls, data: dict[str, Json]) -> Account:
        """Restore the account from ``to_json``."""
        data = copy.deepcopy(data)
        for segment in data["segments"]:
            segment["values"] = dict(segment["values"])
        for definition in data["fields"]:
            definition["options"] = {one["id"]: Option(**one) for one in definition["options"]}
        data["segments"] = {one["id"]: Segment(**one) for one in data["segments"]}
        data["fields"] = {one["id"]: Field(**one) for one in data["fields"]}
        for stage in data["stages"]:
            stage.pop("customers_count", None)  # of older states
        data["stages"] = {one["id"]: Stage(**one) for one in data["stages"]}
        return cls(**data)

    def live_segments(self) -> list[Segment]:
        """Return the segments that are not deleted, in the order of the list."""
        segments = (self.segments[segment_id] for segment_id in self.segment_order)
        return [segment for segment in segments if segment.deleted_at is None]

    def live_fields(self) -> list[Field]:
        """Return the definitions that are not deleted, by ``sort``."""
        fields = (one for one in self.fields.values() if one.deleted_at is None)
        return sorted(fields, key=lambda one: (one.sort, one.id))

    def live_stages(self) -> list[Stage]:
        """Return the stages that are not deleted, by ``sort``."""
        stages = (one for one in self.stages.values() if one.deleted_at is None)
        return sorted(stages, key=lambda one: (one.sort, one.id))

    def item(self, *, current_user_id: int) -> dict[str, Json]:
        """Return the account's JSON in the API, without links and embedded entities."""
        return {
            "id": self.id,
            "name": self.name,
            "subdomain": self.subdomain,
            "created_at": self.created_at,
            "created_by": 0,
            "updated_at": self.created_at,
            "updated_by": 0,
            "current_user_id": current_user_id,
            "country": self.country,
            "currency": self.currency,
            "currency_symbol": self.currency_symbol,
            "customers_mode": self.mode,
            "is_unsorted_on": True,
            "mobile_feature_version": 0,
            "is_loss_reason_enabled": True,
            "is_helpbot_enabled": False,
            "is_technical_account": False,
            "contact_name_display_order": 1,
        }

    def datetime_settings(self, now: datetime) -> dict[str, Json]:
        """Return ``_embedded.datetime_settings`` with the offset at ``now``. ``date_formant`` is amoCRM's spelling."""
        offset = now.astimezone(ZoneInfo(self.timezone)).strftime("%z")
        return {
            "date_pattern": "d.m.Y H:i",
            "short_date_pattern": "d.m.Y",
            "short_time_pattern": "H:i",
            "date_format": "d.m.Y",
            "date_formant": "d.m.Y",
            "time_format": "H:i:s",
            "timezone": self.timezone,
            "timezone_offset": f"{offset[:3]}:{offset[3:5]}",
        }
