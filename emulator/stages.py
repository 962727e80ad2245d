"""Changes of stages and their rules."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from emulator.entities import Json, Stage
from emulator.world_base import WorldBase

CUSTOMER_MOVE_SECONDS = 60
"""Delay before the customers of a deleted stage move; the documentation says "within some time"."""

SYSTEM_STAGES: tuple[tuple[str, int, str, int, list[tuple[str, int]]], ...] = (
    # name, sort, color, type, conditions, as in the documentation's example, with the types of its text
    ("Recently purchased", 0, "#ebffb1", 4, []),
    ("Expected purchase", 100, "#98cbff", 1, [("before_purchase", 0)]),
    ("Did not purchase", 110, "#ff8f92", 2, []),
    ("Closed", 120, "#e6e8ea", 3, [("after_today", 60)]),
)


def rule(kind: str, value: int) -> dict[str, Json]:
    """Return a rule with a number of days, with the structure of the documentation's stages list."""
    return {"type": kind, "match": {"value": value}, "conditions": [{"value": value}]}


class StageChanges(WorldBase):
    """Changes of stages. ``conditions`` are groups of rules in the API's format."""

    def add_stage(
        self,
        account_id: int,
        name: str,
        *,
        sort: int = 10,
        color: str = "#d6eaff",
        conditions: Sequence[Sequence[Mapping[str, Json]]] = (),
    ) -> int:
        """Add a regular stage and return its id."""
        with self.changing(account_id) as account:
            stage_id = self.allocate_id("stage")
            groups = [[dict(copy.deepcopy(one)) for one in group] for group in conditions]
            account.stages[stage_id] = Stage(id=stage_id, name=name, sort=sort, color=color, conditions=groups)
            return stage_id

    def rename_stage(self, account_id: int, stage_id: int, name: str) -> None:
        """Change a stage's name."""
        with self._changing_stage(account_id, stage_id) as stage:
            stage.name = name

    def sort_stage(self, account_id: int, stage_id: int, sort: int) -> None:
        """Change a stage's position among the others."""
        with self._changing_stage(account_id, stage_id) as stage:
            stage.sort = sort

    def recolor_stage(self, account_id: int, stage_id: int, color: str) -> None:
        """Change a stage's colour, written with ``#``."""
        with self._changing_stage(account_id, stage_id) as stage:
            stage.color = color

    def set_stage_conditions(
        self, account_id: int, stage_id: int, conditions: Sequence[Sequence[Mapping[str, Json]]]
    ) -> None:
        """Replace all groups of rules of a stage."""
        with self._changing_stage(account_id, stage_id) as stage:
            stage.conditions = [[dict(copy.deepcopy(one)) for one in group] for group in conditions]

    def edit_stage_rule(
        self, account_id: int, stage_id: int, group: int, position: int, new: Mapping[str, Json]
    ) -> None:
        """Replace one rule of a stage."""
        with self._changing_stage(account_id, stage_id) as stage:
            stage.conditions[group][position] = dict(copy.deepcopy(new))

    def delete_stage(self, account_id: int, stage_id: int) -> None:
        """Delete a stage; unlike the API, also a system stage."""
        with self._changing_stage(account_id, stage_id) as stage:
            stage.deleted_at = self.timestamp()

    def restore_stage(self, account_id: int, stage_id: int) -> None:
        """Restore a deleted stage with its old id, as the vendor's support could; the API cannot."""
        with self._changing_stage(account_id, stage_id) as stage:
            stage.deleted_at = None

    @contextmanager
    def _changing_stage(self, account_id: int, stage_id: int) -> Iterator[Stage]:
        with self.changing(account_id) as account:
            yield account.stages[stage_id]
