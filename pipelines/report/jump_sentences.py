"""Sentences about a jump of a size: how large it was, what changed around it, and who joined and left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from pipelines.base.language import Language, gettext_noop, ngettext_noop
from pipelines.base.text import display_name, to_single_line
from pipelines.report.change_sentences import MAX_NAMED_ENTITIES, entity_label, quote_name
from pipelines.report.entity_sentences import OTHER_PLACES
from pipelines.report.flow_sentences import describe_flows
from pipelines.report.formats import Formats
from pipelines.report.jumps import Jump

MAX_CONTEXT_LENGTH: Final = 200
"""Characters for the changes around a jump."""

MAX_FLOWS_IN_TEXT: Final = 3
"""Other places that a text names, for each direction; the view ``jump_flows`` has all."""

NO_CONTEXT: Final = gettext_noop(
    "amoCRM shows no change of this segment, of fields or of the account around that time, and no segment that came or "
    "went."
)

NO_STAGE_CONTEXT: Final = gettext_noop("No change of stages, of fields or of the account is known around that time.")

NO_CONTEXT_OF: Final[Mapping[str, str]] = {"segment": NO_CONTEXT, "stage": NO_STAGE_CONTEXT}

THE_PLACE: Final[Mapping[str, str]] = {"segment": gettext_noop("the segment"), "stage": gettext_noop("the stage")}

CHANGED_SIZES: Final[Mapping[str, tuple[str, str]]] = {
    "segment": ngettext_noop(
        "The size of %(count)s segment changed unusually: %(names)s.",
        "The sizes of %(count)s segments changed unusually: %(names)s.",
    ),
    "stage": ngettext_noop(
        "The size of %(count)s stage changed unusually: %(names)s.",
        "The sizes of %(count)s stages changed unusually: %(names)s.",
    ),
}

OTHERS: Final[Mapping[str, tuple[str, str]]] = {
    "segment": ngettext_noop(
        "%(count)s other segment jumped on that day.", "%(count)s other segments jumped on that day."
    ),
    "stage": ngettext_noop("%(count)s other stage jumped on that day.", "%(count)s other stages jumped on that day."),
}


def describe_jump(jump: Jump, others_count: int, formats: Formats, *, with_flows: bool = True) -> str:
    """Describe a jump below the chart of its segment or stage; ``others_count`` others jumped on that day."""
    language = formats.language
    values = {
        "change": formats.number(abs(jump.change_count)),
        "size": formats.number(jump.last_count),
        "usual": _usual_change(jump, formats),
    }
    if jump.change_count > 0:
        size = language.gettext("Jumped up by %(change)s to %(size)s (usual: %(usual)s).", **values)
    else:
        size = language.gettext("Dropped by %(change)s to %(size)s (usual: %(usual)s).", **values)
    sentences = [size, describe_jump_context(jump, language)]
    if with_flows:
        sentences.append(describe_jump_flows(jump, formats))
    if others_count:  # then the cause probably concerns the account
        sentences.append(language.ngettext(*OTHERS[jump.place], others_count))
    return " ".join(filter(None, sentences))


def describe_jumps(jumps: Sequence[Jump], formats: Formats) -> str:
    """Describe the jumps of one day, all of segments or all of stages."""
    language = formats.language
    names = [
        language.gettext(
            "'%(name)s' %(change)s (usual: %(usual)s)",
            name=display_name(jump.name, jump.place_id),
            change=formats.signed(jump.change_count),
            usual=_usual_change(jump, formats),
        )
        for jump in jumps[:MAX_NAMED_ENTITIES]
    ]
    hidden_count = len(jumps) - MAX_NAMED_ENTITIES
    if hidden_count > 0:
        names.append(language.ngettext("and %(count)s more", "and %(count)s more", hidden_count))
    sentences = [language.ngettext(*CHANGED_SIZES[jumps[0].place], len(jumps), names="; ".join(names))]
    if len(jumps) == 1 or _have_one_context(jumps):
        sentences.append(describe_jump_context(jumps[0], language))
    if len(jumps) == 1:
        sentences.append(describe_jump_flows(jumps[0], formats))
    return " ".join(filter(None, sentences))


def describe_jump_context(jump: Jump, language: Language) -> str:
    """Describe what else changed around a jump, and days without a size before it."""
    labels = {
        _label_around(jump, thing, thing_id, name, change, language)
        for thing, thing_id, name, change in _entities_around(jump)
    }
    context = (
        language.gettext(
            "Changed around that time: %(entities)s.",
            entities=to_single_line(", ".join(sorted(labels)), MAX_CONTEXT_LENGTH),
        )
        if labels
        else language.gettext(NO_CONTEXT_OF[jump.place])
    )
    if not jump.missed_days:
        return context
    missed = language.ngettext(
        "After %(count)s day without its size.", "After %(count)s days without its size.", jump.missed_days
    )
    return f"{missed} {context}"


def describe_jump_flows(jump: Jump, formats: Formats) -> str:
    """Describe who came and went around a jump; empty without scans of customers."""
    return describe_flows(jump.flows, formats, most=MAX_FLOWS_IN_TEXT) if jump.flows else ""


def _usual_change(jump: Jump, formats: Formats) -> str:
    return formats.signed(jump.usual_change_count.normalize())


def _have_one_context(jumps: Sequence[Jump]) -> bool:
    """Return True if the same entities changed around all jumps, none of them one that jumped."""
    contexts = [_entities_around(jump) for jump in jumps]
    return bool(contexts[0]) and all(
        context == contexts[0] and (jump.place, jump.place_id) not in {entity[:2] for entity in context}
        for jump, context in zip(jumps, contexts, strict=True)
    )


def _entities_around(jump: Jump) -> set[tuple[str, int, str | None, str]]:
    """Return kind, id, name and change of the entities that changed around a jump, each once.

    Only of segments, or stages if one of them jumped, it counts which change it was.
    """
    return {
        (one["thing"], one["thing_id"], one["name"], one["change"] if one["thing"] == jump.place else "")
        for one in jump.changes_around
    }


def _label_around(jump: Jump, thing: str, thing_id: int, name: str | None, change: str, language: Language) -> str:
    """Name an entity that changed around a jump: the one that jumped, or another, with its coming or going."""
    if thing == "account":
        return language.gettext("the account")
    if (thing, thing_id) == (jump.place, jump.place_id):
        return language.gettext(THE_PLACE[thing])
    if (thing, change) in OTHER_PLACES:
        return language.gettext(OTHER_PLACES[thing, change], name=quote_name(name, language) or str(thing_id))
    return entity_label(thing, name, thing_id, language)
