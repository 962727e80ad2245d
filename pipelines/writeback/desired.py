"""Desired state of an account's stages and segments, before it is matched with the account.

Whatever is not mentioned stays unchanged; deletions must be explicit (docs/decisions/0009).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pipelines.amocrm.messages import EntityKind
from pipelines.writeback.yaml_nodes import YamlList, YamlText

VERSION: Final = 1
"""Version of the file format."""

_HEX_COLOR: Final = re.compile(r"#?([0-9a-f]{6})")


@dataclass(frozen=True, kw_only=True, slots=True)
class DesiredEntity:
    """Desired state of a stage or segment. None: not mentioned."""

    id: int | None = None  # of an existing entity; without it, the name identifies the entity
    name: str | None = None
    color: str | None = None
    is_deleted: bool = False
    replaces: int | None = None  # id of a deleted entity; a successor is added even if its name is taken now
    line: int | None = None  # of the file

    @property
    def label(self) -> str:
        """Label for messages: the name, or else the id."""
        return f"id {self.id}" if self.name is None else f"'{self.name}'"


@dataclass(frozen=True, kw_only=True, slots=True)
class DesiredStage(DesiredEntity):
    """Desired state of a stage."""

    sort: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class DesiredValue:
    """Desired content of a field: ``value`` is parsed by the field's type; null empties the field."""

    field: YamlText  # id, name or code
    value: YamlText | YamlList


@dataclass(frozen=True, kw_only=True, slots=True)
class DesiredSegment(DesiredEntity):
    """Desired state of a segment. Fields that are not in ``values`` stay unchanged."""

    price_field_ids: tuple[int, ...] | None = None  # ascending
    values: tuple[DesiredValue, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class DesiredConfig:
    """Desired state of one account. A list that is None is not mentioned."""

    source: str  # name for messages: a file's name, or a command
    account: str | None = None  # key of the only account to which this may be applied
    stages: tuple[DesiredStage, ...] | None = None
    segments: tuple[DesiredSegment, ...] | None = None
    complete: frozenset[EntityKind] = frozenset()  # kinds whose list is complete: unlisted entities are deleted

    def entities(self, kind: EntityKind) -> Sequence[DesiredEntity]:
        """Return the stages or the segments."""
        return (self.stages if kind == "stage" else self.segments) or ()


def normalize_color(kind: EntityKind, text: str | None) -> str | None:
    """Normalize a colour to the API's format for stages (with ``#``) or segments (without).

    Other texts are kept.
    """
    match = _HEX_COLOR.fullmatch((text or "").lower())
    return (f"#{match[1]}" if kind == "stage" else match[1]) if match else text or None
