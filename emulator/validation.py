"""Validation of request bodies by the vendor's documentation: parameters and limits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TypeAlias

from emulator.entities import Account, Field, Json
from emulator.messages import Response, problem
from emulator.palettes import SEGMENT_COLORS, STAGE_COLORS
from emulator.values import parse_values

MAX_STAGES = 30  # system ones included
MAX_SEGMENTS = 100


@dataclass(frozen=True, slots=True)
class FieldError:
    """One error in a body, as in ``validation-errors``."""

    code: str
    path: str
    detail: str


Check: TypeAlias = Callable[[Json], tuple[str, str] | None]
"""Function from a parameter's value to an error's code and detail, or None."""


def validate_stage(body: Json, *, thing_id: int | None = None) -> list[FieldError]:
    """Return the errors in a stage's body; ``thing_id`` is that of a change, whose body may repeat it."""
    checks: dict[str, Check] = {
        "name": _check_name,
        "sort": _type_check(int, "int"),
        "color": _choice_check(STAGE_COLORS),
        "request_id": _type_check(str, "string"),
    }
    return list(_validate_parameters(body, checks, thing_id, required=("name", "sort")))


def validate_segment(body: Json, account: Account, *, thing_id: int | None = None) -> list[FieldError]:
    """Return the errors in a segment's body; ``thing_id`` is that of a change, whose body may repeat it."""
    checks: dict[str, Check] = {
        "name": _check_name,
        "available_products_price_types": _check_ids,
        "color": _choice_check(SEGMENT_COLORS),
        "custom_fields_values": _check_list_or_null,
        "request_id": _check_segment_request_id,
    }
    field_errors = list(_validate_parameters(body, checks, thing_id, required=("name",)))
    return field_errors or list(_validate_values(body.get("custom_fields_values") or [], account))


def validation_response(field_errors: Iterable[tuple[str, Iterable[FieldError]]]) -> Response:
    """Return 400 with ``validation-errors``: request id and errors of each entity."""
    errors = [
        {"request_id": request_id, "errors": [asdict(item) for item in found]} for request_id, found in field_errors
    ]
    return problem(400, "Request validation failed", **{"validation-errors": errors})


def find_field(body: Mapping[str, Json], account: Account) -> Field | None:
    """Return the field of an item of ``custom_fields_values``, by its id or its code."""
    for definition in account.live_fields():
        if body.get("field_id") == definition.id:
            return definition
        if body.get("field_id") is None and definition.code is not None and body.get("field_code") == definition.code:
            return definition
    return None


def _validate_parameters(
    body: Json, checks: Mapping[str, Check], thing_id: int | None, *, required: tuple[str, ...]
) -> Iterator[FieldError]:
    """Check a body's keys and values. The vendor's PHP client repeats the id in the body of a change."""
    if not isinstance(body, dict):
        yield FieldError("InvalidType", "", "This value should be of type object.")
        return
    if thing_id is None:
        yield from (FieldError("FieldMissing", name, "This field is missing.") for name in required if name not in body)
    elif not body.keys() & (checks.keys() - {"request_id"}):
        yield FieldError("FieldMissing", "", "At least one parameter should be passed.")
    for name, value in body.items():
        if name == "id" and str(value) == str(thing_id):
            continue
        if name not in checks:
            yield FieldError("NotExpected", name, "This field was not expected.")
        elif problem_found := checks[name](value):
            yield FieldError(problem_found[0], name, problem_found[1])


def _validate_values(body: list[Json], account: Account) -> Iterator[FieldError]:
    for position, item in enumerate(body):
        path = f"custom_fields_values.{position}"
        definition = find_field(item, account) if isinstance(item, dict) else None
        if definition is None:
            yield FieldError("NotSupportedChoice", f"{path}.field_id", "The value you selected is not a valid choice.")
            continue
        try:
            parse_values(definition, item.get("values"), account.timezone)
        except (ValueError, OverflowError) as error:
            yield FieldError("InvalidValue", f"{path}.values", str(error))


def _check_name(value: Json) -> tuple[str, str] | None:
    if not isinstance(value, str):
        return "InvalidType", "This value should be of type string."
    return None if value.strip() else ("NotBlank", "This value should not be blank.")


def _type_check(kind: type, name: str) -> Check:
    def check(value: Json) -> tuple[str, str] | None:
        is_valid = isinstance(value, kind) and not isinstance(value, bool)
        return None if is_valid else ("InvalidType", f"This value should be of type {name}.")

    return check


def _check_segment_request_id(value: Json) -> tuple[str, str] | None:
    """Check a segment's request id: the vendor's PHP client sends a number or null, but text for stages."""
    is_valid = value is None or isinstance(value, str) or type(value) is int
    return None if is_valid else ("InvalidType", "This value should be of type string.")


def _choice_check(choices: tuple[str, ...]) -> Check:
    def check(value: Json) -> tuple[str, str] | None:
        is_valid = value in choices
        return None if is_valid else ("NotSupportedChoice", "The value you selected is not a valid choice.")

    return check


def _check_ids(value: Json) -> tuple[str, str] | None:
    is_valid = isinstance(value, list) and all(type(item) is int and item > 0 for item in value)
    return None if is_valid else ("InvalidType", "This value should be an array of ids.")


def _check_list_or_null(value: Json) -> tuple[str, str] | None:
    return (
        None
        if value is None or isinstance(value, list)
        else ("InvalidType", "This value should be of type array|null.")
    )
