"""What the vendor's page allows in the body of a write: parameters and limits. What a write does is in ``writes``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TypeAlias

from emulator.messages import Answer, problem
from emulator.palettes import SEGMENT_COLORS, STAGE_COLORS
from emulator.things import Account, Field, Json
from emulator.values import accepted_values

MAX_STAGES = 30  # system ones included
MAX_SEGMENTS = 100


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing that is wrong with a body, as ``validation-errors`` show it."""

    code: str
    path: str
    detail: str


Check: TypeAlias = Callable[[Json], tuple[str, str] | None]
"""Code and detail of what is wrong with a parameter's value, or None."""


def stage_flaws(sent: Json, *, is_new: bool) -> list[Flaw]:
    """What is wrong with a stage to be added or changed."""
    checks: dict[str, Check] = {
        "name": _is_name,
        "sort": _is_of(int, "int"),
        "color": _is_one_of(STAGE_COLORS),
        "request_id": _is_of(str, "string"),
    }
    return list(_flaws(sent, checks, required=("name", "sort") if is_new else ()))


def segment_flaws(sent: Json, account: Account, *, is_new: bool) -> list[Flaw]:
    """What is wrong with a segment to be added or changed."""
    checks: dict[str, Check] = {
        "name": _is_name,
        "available_products_price_types": _are_ids,
        "color": _is_one_of(SEGMENT_COLORS),
        "custom_fields_values": _is_list_or_null,
        "request_id": _is_of(str, "string"),
    }
    flaws = list(_flaws(sent, checks, required=("name",) if is_new else ()))
    return flaws or list(_value_flaws(sent.get("custom_fields_values") or [], account))


def refusal(flaws: Iterable[tuple[str, Iterable[Flaw]]]) -> Answer:
    """400 with ``validation-errors``: of each thing that was sent its request id and its flaws."""
    errors = [{"request_id": request_id, "errors": [asdict(one) for one in found]} for request_id, found in flaws]
    return problem(400, "Request validation failed", **{"validation-errors": errors})


def field_of(sent: Mapping[str, Json], account: Account) -> Field | None:
    """The field that an item of ``custom_fields_values`` is about, by its id or its code."""
    for definition in account.live_fields():
        if sent.get("field_id") == definition.id:
            return definition
        if "field_id" not in sent and definition.code is not None and sent.get("field_code") == definition.code:
            return definition
    return None


def _flaws(sent: Json, checks: Mapping[str, Check], *, required: tuple[str, ...]) -> Iterator[Flaw]:
    if not isinstance(sent, dict):
        yield Flaw("InvalidType", "", "This value should be of type object.")
        return
    for name in required:
        if name not in sent:
            yield Flaw("FieldMissing", name, "This field is missing.")
    if not required and not sent.keys() & (checks.keys() - {"request_id"}):
        yield Flaw("FieldMissing", "", "At least one parameter should be passed.")
    for name, value in sent.items():
        if name not in checks:
            yield Flaw("NotExpected", name, "This field was not expected.")
        elif wrong := checks[name](value):
            yield Flaw(wrong[0], name, wrong[1])


def _value_flaws(sent: list[Json], account: Account) -> Iterator[Flaw]:
    for position, one in enumerate(sent):
        path = f"custom_fields_values.{position}"
        definition = field_of(one, account) if isinstance(one, dict) else None
        if definition is None:
            yield Flaw("NotSupportedChoice", f"{path}.field_id", "The value you selected is not a valid choice.")
            continue
        try:
            accepted_values(definition, one.get("values"), account.timezone)
        except (ValueError, OverflowError) as error:
            yield Flaw("InvalidValue", f"{path}.values", str(error))


def _is_name(value: Json) -> tuple[str, str] | None:
    if not isinstance(value, str):
        return "InvalidType", "This value should be of type string."
    return None if value.strip() else ("NotBlank", "This value should not be blank.")


def _is_of(kind: type, name: str) -> Check:
    def check(value: Json) -> tuple[str, str] | None:
        is_right = isinstance(value, kind) and not isinstance(value, bool)
        return None if is_right else ("InvalidType", f"This value should be of type {name}.")

    return check


def _is_one_of(choices: tuple[str, ...]) -> Check:
    def check(value: Json) -> tuple[str, str] | None:
        is_right = value in choices
        return None if is_right else ("NotSupportedChoice", "The value you selected is not a valid choice.")

    return check


def _are_ids(value: Json) -> tuple[str, str] | None:
    is_right = isinstance(value, list) and all(type(one) is int and one > 0 for one in value)
    return None if is_right else ("InvalidType", "This value should be an array of ids.")


def _is_list_or_null(value: Json) -> tuple[str, str] | None:
    return (
        None
        if value is None or isinstance(value, list)
        else ("InvalidType", "This value should be of type array|null.")
    )
