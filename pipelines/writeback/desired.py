"""What is wanted of an account's stages and segments. Which of its things and fields are meant is found out later.

What is not mentioned is left as it is; nothing is deleted unless that is said (docs/decisions/0009).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pipelines.amocrm.messages import EntityKind
from pipelines.writeback.yaml_nodes import YamlList, YamlText

VERSION: Final = 1
"""Of the file's format."""

_HEX_COLOR: Final = re.compile(r"#?([0-9a-f]{6})")


@dataclass(frozen=True, kw_only=True, slots=True)
class DesiredEntity:
    """What a stage or a segment shall be. None: not mentioned."""

    id: int | None = None  # of a thing that exists; without it the name says which thing is meant
    name: str | None = None
    color: str | None = None
    is_deleted: bool = False
    replaces: int | None = None  # id of a thing of the past; a new one shall take its place, whatever has its name now
    line: int | None = None  # of the file

    @property
    def label(self) -> str:
        """The thing as a person finds it again."""
        return f"id {self.id}" if self.name is None else f"'{self.name}'"


@dataclass(frozen=True, kw_only=True, slots=True)
class DesiredStage(DesiredEntity):
    """What a stage shall be."""

    sort: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class DesiredValue:
    """What a field shall hold: ``value`` as the field's type reads it, nothing where it is null."""

    field: YamlText  # id, name or code
    value: YamlText | YamlList


@dataclass(frozen=True, kw_only=True, slots=True)
class DesiredSegment(DesiredEntity):
    """What a segment shall be. Fields that are not among ``values`` are left as they are."""

    price_field_ids: tuple[int, ...] | None = None  # ascending
    values: tuple[DesiredValue, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class DesiredConfig:
    """All that is wanted of one account. A list that is None is not mentioned."""

    source: str  # what to name in messages: a file's name, or a command
    account: str | None = None  # key of the only account that this may be applied to
    stages: tuple[DesiredStage, ...] | None = None
    segments: tuple[DesiredSegment, ...] | None = None
    complete: frozenset[EntityKind] = (
        frozenset()
    )  # lists that name everything there shall be: what they lack is deleted

    def entities(self, kind: EntityKind) -> Sequence[DesiredEntity]:
        """The stages or the segments."""
        return (self.stages if kind == "stage" else self.segments) or ()


def normalize_color(kind: EntityKind, text: str | None) -> str | None:
    """A colour as the API has it for stages (with ``#``) or segments (without); other texts as they are."""
    match = _HEX_COLOR.fullmatch((text or "").lower())
    return (f"#{match[1]}" if kind == "stage" else match[1]) if match else text or None
