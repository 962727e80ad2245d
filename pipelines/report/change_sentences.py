"""Format changes of an account as sentences. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Final

from pipelines.base.language import ENGLISH, Language
from pipelines.base.text import display_name, join_names, to_single_line
from pipelines.report.entity_sentences import ENTITY_LABELS, MANY_ENTITIES, ONE_ENTITY, PROPERTIES, RENAMED
from pipelines.report.stage_rules import describe_rule_edit, translate_tags, translate_type
from pipelines.warehouse.changes import Change

MAX_NAMED_ENTITIES: Final = 3
"""Entities named individually; if more were added or deleted at once, the sentence gives their
number."""

MODE_CHANGES: Final = ("mode_on", "mode_off")
"""Changes that affect all entities of a mode together, and make one sentence."""

UNQUOTED_VALUE: Final = re.compile(r"[-\u2212+.,:/\s\d]+(?:[ap]m|t[\d:.+-]+)?|true|false", re.IGNORECASE)
"""Values without quotes: numbers, dates, times and booleans."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangeSentence:
    """A sentence without its full stop, such as "segment 'VIP' renamed to 'VIP club'".

    The change happened between the previous snapshot and ``observed_at``.
    """

    observed_at: datetime
    text: str


def describe_changes(changes: Iterable[Change], language: Language = ENGLISH) -> list[ChangeSentence]:
    """Describe the changes in the given order.

    Entities of one kind added or deleted together make one sentence.
    """
    groups = groupby(changes, key=lambda row: (row.observed_at, row.thing, row.change))
    return [
        ChangeSentence(observed_at=observed_at, text=text)
        for (observed_at, thing, change), group in groups
        for text in _group_sentences(thing, change, list(group), language)
    ]


def quote_name(name: str | None, language: Language) -> str:
    """Quote a name; empty if there is none."""
    text = display_name(name)
    return language.gettext("'%(name)s'", name=text) if text else ""


def entity_label(thing: str, name: str | None, entity_id: int | None, language: Language) -> str:
    """Name an entity, such as "segment 'VIP'"."""
    label = quote_name(name, language) or str(entity_id)
    return language.gettext(ENTITY_LABELS[thing], name=label) if thing in ENTITY_LABELS else f"{thing} {label}"


def _group_sentences(thing: str, change: str, rows: list[Change], language: Language) -> Iterator[str]:
    """Describe changes of the same kind in one snapshot."""
    if change == "changed":
        yield from (_edit_sentence(row, language) for row in rows)
        return
    names = [quote_name(row.thing_name, language) or str(row.thing_id) for row in rows]
    if len(rows) == 1 or (len(rows) <= MAX_NAMED_ENTITIES and change not in MODE_CHANGES):
        yield from (language.gettext(ONE_ENTITY[thing, change], name=name) for name in names)
    else:
        listed = join_names(names, MAX_NAMED_ENTITIES, language)
        yield language.ngettext(*MANY_ENTITIES[thing, change], len(rows), names=listed)


def _edit_sentence(row: Change, language: Language) -> str:
    """Describe a changed property."""
    old, new = to_single_line(row.old_text or ""), to_single_line(row.new_text or "")
    entity = entity_label(row.thing, row.thing_name, row.thing_id, language)
    match row.property:
        case "name":
            old_name = quote_name(old, language) or str(row.thing_id)
            new_name = quote_name(new, language) or language.gettext("nothing")
            return language.gettext(RENAMED[row.thing], old=old_name, new=new_name)
        case "conditions":
            edit = describe_rule_edit(
                translate_tags(row.old_text or "", row.old_value, language),
                translate_tags(row.new_text or "", row.new_value, language),
                language,
            )
            if edit:
                return language.gettext("rules of %(entity)s changed: %(edit)s", entity=entity, edit=edit)
            return language.gettext("rules of %(entity)s changed", entity=entity)
        case "sort":
            none = language.pgettext("position", "none")
            return language.gettext(
                "%(entity)s moved from position %(old)s to %(new)s", entity=entity, old=old or none, new=new or none
            )
        case "field_value":
            subject = quote_name(row.value_field_name, language) or language.gettext("a field")
            if old != new:
                old, new = _quote_value(old, language), _quote_value(new, language)
        case "price_field_ids":
            subject = _property_name("price_field_ids", language)
            old, new = (text or language.pgettext("fields", "none") for text in (old, new))
        case other:
            subject = _property_name(other, language)
            old, new = (_translate_value(text, row, language) for text in (old, new))
    return _value_sentence(subject, entity, old, new, language)


def _value_sentence(subject: str, entity: str, old: str, new: str, language: Language) -> str:
    """Describe a change of a property or a field's value of an entity; an empty value was, or is, none."""
    if old == new:
        return language.gettext("%(property)s of %(entity)s changed", property=subject, entity=entity)
    if old and new:
        return language.gettext(
            "%(property)s of %(entity)s changed from %(old)s to %(new)s",
            property=subject,
            entity=entity,
            old=old,
            new=new,
        )
    if new:
        return language.gettext("%(property)s of %(entity)s set to %(new)s", property=subject, entity=entity, new=new)
    return language.gettext("%(property)s of %(entity)s cleared, was %(old)s", property=subject, entity=entity, old=old)


def _property_name(name: str | None, language: Language) -> str:
    if name and name in PROPERTIES:
        return language.gettext(PROPERTIES[name])
    return name.replace("_", " ") if name else language.gettext("a property")


def _translate_value(text: str, row: Change, language: Language) -> str:
    """Translate a value that the views have in words: the type of a stage."""
    return translate_type(text, language) if row.thing == "stage" and row.property == "type" else text


def _quote_value(text: str, language: Language) -> str:
    """Quote a field's value, unless it is a number, date, time or boolean."""
    return text if not text or UNQUOTED_VALUE.fullmatch(text) else language.gettext("“%(text)s”", text=text)
