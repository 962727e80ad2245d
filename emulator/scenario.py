"""Account of the simulation, with keys instead of ids, so that the timeline can be written before ids are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from emulator import seed_data
from emulator.entities import OPTION_TYPES, Json, Mode
from emulator.seed_data import SegmentSeed
from emulator.world import World

SYSTEM_STAGES = ("recent", "expected", "idle", "closed")


class Scenario:
    """One account of a world; ``ids`` maps kinds and keys, such as ``segment/vip``, to ids."""

    def __init__(self, world: World, account_id: int, ids: dict[str, int]) -> None:
        self.world = world
        self.account_id = account_id
        self.ids = ids

    @classmethod
    def create_account(
        cls, world: World, mode: Mode, account_id: int | None = None, name: str | None = None
    ) -> Scenario:
        """Create the account with its seed data, with another name than theirs if one is given."""
        account_id = world.add_account(
            name or seed_data.ACCOUNT_NAME,
            subdomain=None if name else seed_data.SUBDOMAIN,
            timezone=seed_data.TIMEZONE,
            mode=mode,
            account_id=account_id,
        )
        stage_ids = world.account(account_id).stages
        ids = {f"stage/{key}": stage_id for key, stage_id in zip(SYSTEM_STAGES, stage_ids, strict=True)}
        scenario = cls(world, account_id, ids)
        for key, field in seed_data.FIELDS.items():
            scenario.add_field(key, field.name, field.type, code=field.code)
            for option, label in field.options.items():
                scenario.add_option(key, option, label)
        for key, segment in seed_data.SEGMENTS.items():
            scenario.add_segment(key, segment)
        for key, stage in seed_data.STAGES.items():
            scenario.add_stage(key, stage.name, sort=stage.sort, color=stage.color, conditions=stage.conditions)
        return scenario

    def segment_ids(self) -> dict[str, int]:
        """Return the ids of the simulation's segments by key, including deleted ones."""
        return {key.removeprefix("segment/"): one for key, one in self.ids.items() if key.startswith("segment/")}

    def add_segment(self, key: str, seed: SegmentSeed, name: str | None = None) -> None:
        """Add a segment, with another name than its seed's if one is given."""
        self.ids[f"segment/{key}"] = self.world.add_segment(
            self.account_id, name or seed.name, color=seed.color, price_field_ids=seed.prices
        )
        for field, value in seed.values.items():
            self.set_value(key, field, value)

    def rename_segment(self, key: str, name: str) -> None:
        """Change a segment's name."""
        self.world.rename_segment(self.account_id, self.ids[f"segment/{key}"], name)

    def recolor_segment(self, key: str, color: str) -> None:
        """Change a segment's colour."""
        self.world.recolor_segment(self.account_id, self.ids[f"segment/{key}"], color)

    def set_prices(self, key: str, price_field_ids: Sequence[int]) -> None:
        """Change a segment's prices."""
        self.world.set_price_fields(self.account_id, self.ids[f"segment/{key}"], price_field_ids)

    def delete_segment(self, key: str) -> None:
        """Delete a segment."""
        self.world.delete_segment(self.account_id, self.ids[f"segment/{key}"])

    def set_value(self, key: str, field: str, value: Json) -> None:
        """Set a field of a segment: options by their keys, dates and times by their offset from now."""
        field_id = self.ids[f"field/{field}"]
        account = self.world.account(self.account_id)
        kind = account.fields[field_id].type
        if kind in OPTION_TYPES:
            keys = [value] if isinstance(value, str) else value
            value = [self.ids[f"option/{field}/{option}"] for option in keys]
        elif isinstance(value, timedelta):
            instant: datetime = self.world.now().astimezone(ZoneInfo(account.timezone)) + value
            value = instant.date() if kind == "date" else instant
        self.world.set_field_value(self.account_id, self.ids[f"segment/{key}"], field_id, value)

    def add_field(self, key: str, name: str, kind: str, *, code: str | None = None) -> None:
        """Define a field."""
        self.ids[f"field/{key}"] = self.world.add_field(self.account_id, name, kind, code=code)

    def rename_field(self, key: str, name: str) -> None:
        """Change a field's name."""
        self.world.rename_field(self.account_id, self.ids[f"field/{key}"], name)

    def delete_field(self, key: str) -> None:
        """Delete a field."""
        self.world.delete_field(self.account_id, self.ids[f"field/{key}"])

    def add_option(self, field: str, key: str, label: str) -> None:
        """Add an option to a field."""
        self.ids[f"option/{field}/{key}"] = self.world.add_option(self.account_id, self.ids[f"field/{field}"], label)

    def rename_option(self, field: str, key: str, label: str) -> None:
        """Change an option's label."""
        field_id, option_id = self.ids[f"field/{field}"], self.ids[f"option/{field}/{key}"]
        self.world.rename_option(self.account_id, field_id, option_id, label)

    def add_stage(
        self, key: str, name: str, *, sort: int, color: str, conditions: Sequence[Sequence[Mapping[str, Json]]] = ()
    ) -> None:
        """Add a regular stage."""
        self.ids[f"stage/{key}"] = self.world.add_stage(
            self.account_id, name, sort=sort, color=color, conditions=conditions
        )

    def rename_stage(self, key: str, name: str) -> None:
        """Change a stage's name."""
        self.world.rename_stage(self.account_id, self.ids[f"stage/{key}"], name)

    def recolor_stage(self, key: str, color: str) -> None:
        """Change a stage's colour."""
        self.world.recolor_stage(self.account_id, self.ids[f"stage/{key}"], color)

    def edit_rule(self, key: str, group: int, position: int, rule: Mapping[str, Json]) -> None:
        """Replace one rule of a stage."""
        self.world.edit_stage_rule(self.account_id, self.ids[f"stage/{key}"], group, position, rule)

    def delete_stage(self, key: str) -> None:
        """Delete a stage."""
        self.world.delete_stage(self.account_id, self.ids[f"stage/{key}"])
