"""Look up fields and options by id, name, label or code, and choose a reference that finds them again.

Unquoted digits are an id if it exists. Everything else is a name or label, or else a code.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Final, TypeVar

from pipelines.amocrm.models import Field, Option
from pipelines.writeback.yaml_nodes import YamlText

FieldOrOption = TypeVar("FieldOrOption", Field, Option)

MAX_NAME_LENGTH: Final = 100
"""Longest name that is used as a reference; fields and options with a longer name are referenced by
id."""


def find_field(fields: Sequence[Field], reference: YamlText) -> Field:
    """Find a field. Raises ``ValueError``, with a sentence, if there is none or more than one."""
    return _find_by_reference(fields, reference, "field")


def find_option(field: Field, reference: YamlText) -> Option:
    """Find an option of ``field``. Raises ``ValueError`` like ``find_field``."""
    return _find_by_reference(field.options, reference, "option")


def field_reference(fields: Sequence[Field], field: Field) -> YamlText:
    """Return a name with which ``find_field`` finds ``field``, or else its id."""
    return _reference_to(fields, field)


def option_reference(field: Field, option_id: int) -> YamlText:
    """Return a label with which ``find_option`` finds the option, or else its id."""
    return next(
        (_reference_to(field.options, option) for option in field.options if option.id == option_id),
        _id_reference(option_id),
    )


def display_label(candidate: Field | Option) -> str | None:
    """Return the name that amoCRM displays."""
    return candidate.name if isinstance(candidate, Field) else candidate.value


def _find_by_reference(candidates: Sequence[FieldOrOption], reference: YamlText, kind: str) -> FieldOrOption:
    """Find a field or option by id, else by name, else by code. Raises ``ValueError``."""
    if by_id := [candidate for candidate in candidates if candidate.id == reference.id]:
        return by_id[0]
    by_name = [candidate for candidate in candidates if display_label(candidate) == reference.text]
    matches = by_name or [candidate for candidate in candidates if _code(candidate) == reference.text]
    if len(matches) == 1:
        return matches[0]
    if matches:
        ids = " or ".join(str(candidate.id) for candidate in matches)
        raise ValueError(f"{len(matches)} {kind}s are called '{reference.text}': write the id, {ids}, instead")
    names = [name for candidate in candidates for name in (display_label(candidate), _code(candidate)) if name]
    suggestions = get_close_matches(
        reference.text[:MAX_NAME_LENGTH], [name for name in names if len(name) <= MAX_NAME_LENGTH], n=1
    )
    raise ValueError(
        f"there is no {kind} '{reference.text}'" + (f": did you mean '{suggestions[0]}'?" if suggestions else "")
    )


def _reference_to(candidates: Sequence[FieldOrOption], candidate: FieldOrOption) -> YamlText:
    name = display_label(candidate)
    is_unique = sum(display_label(other) == name for other in candidates) == 1
    if name and name.strip() and is_unique and len(name) <= MAX_NAME_LENGTH:
        return YamlText(text=name, is_quoted=True)
    return _id_reference(candidate.id)


def _code(candidate: Field | Option) -> str | None:
    if isinstance(candidate, Field):
        return candidate.code
    code = candidate.extra.get("code") if isinstance(candidate.extra, dict) else None
    return code if isinstance(code, str) else None


def _id_reference(number: int) -> YamlText:
    return YamlText(text=str(number))
