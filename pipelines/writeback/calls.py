"""Records of a plan: API calls, and the changes that each makes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from pipelines.amocrm.messages import EntityKind
from pipelines.amocrm.models import Account, Json

ChangeAction: TypeAlias = Literal["add", "change", "delete"]
Method: TypeAlias = Literal["POST", "PATCH", "DELETE"]


@dataclass(frozen=True, kw_only=True, slots=True)
class PropertyEdit:
    """Change of one property or field of an entity, with values as the file would write them on one line."""

    property: str  # API parameter; custom_fields_values for fields
    label: str  # the property's name in the file; the field's name for fields
    old: str | None  # None: the entity is new, or the value is empty
    new: str | None  # None: the entity is deleted, or the value is cleared
    field_id: int | None = None
    api_value: Json = None  # the property's value, or the item of custom_fields_values


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedChange:
    """Change of one stage or segment."""

    kind: EntityKind
    action: ChangeAction
    thing_id: int | None  # None: it is new, and amoCRM assigns the id
    name: str | None  # current name; the desired name of a new entity
    edits: tuple[PropertyEdit, ...]
    why: str  # a clause without capital and full stop
    replaces: int | None = None  # id of the deleted entity whose successor this one is
    request_id: str | None = None  # identifies a new stage in a list of several


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One request to the API."""

    method: Method
    resource: Literal["stages", "segments"]
    thing_id: int | None  # None for POST
    body: Json  # as sent; None for DELETE
    changes: tuple[PlannedChange, ...]  # one; for a POST of stages one per item of the body, in its order


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """The calls that lead from an account's current state to the desired state, in order."""

    account: Account
    source: str  # of the desired state
    calls: tuple[Call, ...]
    notes: tuple[str, ...]  # sentences to read before confirming

    @property
    def is_empty(self) -> bool:
        """True if the account already has the desired state."""
        return not self.calls

    @property
    def changes(self) -> tuple[PlannedChange, ...]:
        """All changes, in the order of the calls."""
        return tuple(change for call in self.calls for change in call.changes)
