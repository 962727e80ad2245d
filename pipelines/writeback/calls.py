"""What a plan consists of: calls to the API, and what each changes in words. How they come about is in ``plan``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from pipelines.amocrm.messages import EntityKind
from pipelines.amocrm.models import Account, Json

ChangeAction: TypeAlias = Literal["add", "change", "delete"]
Method: TypeAlias = Literal["POST", "PATCH", "DELETE"]


@dataclass(frozen=True, kw_only=True, slots=True)
class PropertyEdit:
    """One property or field of one thing: what it holds and what it shall hold, as a file would have it on one line."""

    property: str  # a parameter of the vendor's page; for fields custom_fields_values
    label: str  # the property as a file calls it; for fields the field's name
    old: str | None  # None: the thing is new, or there is nothing
    new: str | None  # None: the thing is deleted, or nothing shall be there
    field_id: int | None = None
    api_value: Json = None  # the property's value, or the item of custom_fields_values


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedChange:
    """What happens to one stage or segment."""

    kind: EntityKind
    action: ChangeAction
    thing_id: int | None  # None: it is new, and amoCRM will say its id
    name: str | None  # the one it has; of a new thing the one it shall have
    edits: tuple[PropertyEdit, ...]
    why: str  # a clause without capital and full stop
    replaces: int | None = None  # id of the thing of the past whose successor the new one is
    request_id: str | None = None  # of a new stage, in a list of several


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One request to the API."""

    method: Method
    resource: Literal["stages", "segments"]
    thing_id: int | None  # None for POST
    body: Json  # as sent; None for DELETE
    changes: tuple[PlannedChange, ...]  # one; of a POST of stages one for each item of the body, in its order


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """The calls that make an account as it is wanted, in the order in which they are to be made."""

    account: Account
    source: str  # where it is written what is wanted
    calls: tuple[Call, ...]
    notes: tuple[str, ...]  # sentences that a person has to know before saying yes

    @property
    def is_empty(self) -> bool:
        """Whether the account is as it is wanted already."""
        return not self.calls

    @property
    def changes(self) -> tuple[PlannedChange, ...]:
        """What happens to each thing, in the order of the calls."""
        return tuple(change for call in self.calls for change in call.changes)
