"""Which field or option is meant by an id, a name, a label or a code, and how to name one so that it is found again.

Digits without quotes are an id where there is such an id. Everything else is a name or label, or else a code.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Final, TypeVar

from pipelines.amocrm.records import Field, Option
from pipelines.manage.nodes import Text

Named = TypeVar("Named", Field, Option)

LONGEST_NAME: Final = 100
"""Characters of a name that a file repeats; what is called by a longer one is named by its id."""


def find_field(fields: Sequence[Field], named: Text) -> Field:
    """The field that is meant. Raises ``ValueError``, with a sentence, where it is not there or could be several."""
    return _find(fields, named, "field")


def find_option(field: Field, named: Text) -> Option:
    """The option of ``field`` that is meant. Raises ``ValueError`` as ``find_field`` does."""
    return _find(field.options, named, "option")


def field_name(fields: Sequence[Field], field: Field) -> Text:
    """A name by which ``find_field`` finds ``field``, or else its id."""
    return _name(fields, field)


def option_name(field: Field, option_id: int) -> Text:
    """A label by which ``find_option`` finds the option, or else its id."""
    return next((_name(field.options, option) for option in field.options if option.id == option_id), _id(option_id))


def label(thing: Field | Option) -> str | None:
    """What amoCRM shows of it."""
    return thing.name if isinstance(thing, Field) else thing.value


def _find(things: Sequence[Named], named: Text, what: str) -> Named:
    if by_id := [thing for thing in things if thing.id == named.id]:
        return by_id[0]
    by_name = [thing for thing in things if label(thing) == named.text]
    found = by_name or [thing for thing in things if _code(thing) == named.text]
    if len(found) == 1:
        return found[0]
    if found:
        ids = " or ".join(str(thing.id) for thing in found)
        raise ValueError(f"{len(found)} {what}s are called '{named.text}': write the id, {ids}, in its place")
    names = [name for thing in things for name in (label(thing), _code(thing)) if name]
    near = get_close_matches(named.text[:LONGEST_NAME], [name for name in names if len(name) <= LONGEST_NAME], n=1)
    raise ValueError(f"there is no {what} '{named.text}'" + (f": did you mean '{near[0]}'?" if near else ""))


def _name(things: Sequence[Named], thing: Named) -> Text:
    name = label(thing)
    is_alone = sum(label(other) == name for other in things) == 1
    if name and name.strip() and is_alone and len(name) <= LONGEST_NAME:
        return Text(text=name, is_quoted=True)
    return _id(thing.id)


def _code(thing: Field | Option) -> str | None:
    if isinstance(thing, Field):
        return thing.code
    code = thing.extra.get("code") if isinstance(thing.extra, dict) else None
    return code if isinstance(code, str) else None


def _id(number: int) -> Text:
    return Text(text=str(number))
