"""Sentences about entities that came or went, in forms for each kind: their grammar differs in other languages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pipelines.base.language import gettext_noop, ngettext_noop

ENTITY_LABELS: Final[Mapping[str, str]] = {
    "account": gettext_noop("account %(name)s"),
    "field": gettext_noop("field %(name)s"),
    "option": gettext_noop("option %(name)s"),
    "segment": gettext_noop("segment %(name)s"),
    "stage": gettext_noop("stage %(name)s"),
}
"""Names of entities within sentences, in the nominative."""

OTHER_PLACES: Final[Mapping[tuple[str, str], str]] = {
    ("segment", "added"): gettext_noop("segment %(name)s (added)"),
    ("segment", "deleted"): gettext_noop("segment %(name)s (deleted)"),
    ("segment", "returned"): gettext_noop("segment %(name)s (returned)"),
    ("stage", "added"): gettext_noop("stage %(name)s (added)"),
    ("stage", "deleted"): gettext_noop("stage %(name)s (deleted)"),
    ("stage", "returned"): gettext_noop("stage %(name)s (returned)"),
}
"""Names of segments and stages that came or went when another one jumped."""

RENAMED: Final[Mapping[str, str]] = {
    "account": gettext_noop("account %(old)s renamed to %(new)s"),
    "field": gettext_noop("field %(old)s renamed to %(new)s"),
    "option": gettext_noop("option %(old)s renamed to %(new)s"),
    "segment": gettext_noop("segment %(old)s renamed to %(new)s"),
    "stage": gettext_noop("stage %(old)s renamed to %(new)s"),
}

ONE_ENTITY: Final[Mapping[tuple[str, str], str]] = {
    ("field", "added"): gettext_noop("field %(name)s added"),
    ("field", "deleted"): gettext_noop("field %(name)s deleted"),
    ("field", "mode_off"): gettext_noop("field %(name)s ended with the account's mode"),
    ("field", "mode_on"): gettext_noop("field %(name)s came back with the account's mode"),
    ("field", "returned"): gettext_noop("field %(name)s came back"),
    ("option", "added"): gettext_noop("option %(name)s added"),
    ("option", "deleted"): gettext_noop("option %(name)s deleted"),
    ("option", "mode_off"): gettext_noop("option %(name)s ended with the account's mode"),
    ("option", "mode_on"): gettext_noop("option %(name)s came back with the account's mode"),
    ("option", "returned"): gettext_noop("option %(name)s came back"),
    ("segment", "added"): gettext_noop("segment %(name)s added"),
    ("segment", "deleted"): gettext_noop("segment %(name)s deleted"),
    ("segment", "mode_off"): gettext_noop("segment %(name)s ended with the account's mode"),
    ("segment", "mode_on"): gettext_noop("segment %(name)s came back with the account's mode"),
    ("segment", "returned"): gettext_noop("segment %(name)s came back"),
    ("stage", "added"): gettext_noop("stage %(name)s added"),
    ("stage", "deleted"): gettext_noop("stage %(name)s deleted"),
    ("stage", "mode_off"): gettext_noop("stage %(name)s ended with the account's mode"),
    ("stage", "mode_on"): gettext_noop("stage %(name)s came back with the account's mode"),
    ("stage", "returned"): gettext_noop("stage %(name)s came back"),
}

MANY_ENTITIES: Final[Mapping[tuple[str, str], tuple[str, str]]] = {
    ("field", "added"): ngettext_noop("%(count)s field added: %(names)s", "%(count)s fields added: %(names)s"),
    ("field", "deleted"): ngettext_noop("%(count)s field deleted: %(names)s", "%(count)s fields deleted: %(names)s"),
    ("field", "mode_off"): ngettext_noop(
        "%(count)s field ended with the account's mode: %(names)s",
        "%(count)s fields ended with the account's mode: %(names)s",
    ),
    ("field", "mode_on"): ngettext_noop(
        "%(count)s field came back with the account's mode: %(names)s",
        "%(count)s fields came back with the account's mode: %(names)s",
    ),
    ("field", "returned"): ngettext_noop(
        "%(count)s field came back: %(names)s", "%(count)s fields came back: %(names)s"
    ),
    ("option", "added"): ngettext_noop("%(count)s option added: %(names)s", "%(count)s options added: %(names)s"),
    ("option", "deleted"): ngettext_noop("%(count)s option deleted: %(names)s", "%(count)s options deleted: %(names)s"),
    ("option", "mode_off"): ngettext_noop(
        "%(count)s option ended with the account's mode: %(names)s",
        "%(count)s options ended with the account's mode: %(names)s",
    ),
    ("option", "mode_on"): ngettext_noop(
        "%(count)s option came back with the account's mode: %(names)s",
        "%(count)s options came back with the account's mode: %(names)s",
    ),
    ("option", "returned"): ngettext_noop(
        "%(count)s option came back: %(names)s", "%(count)s options came back: %(names)s"
    ),
    ("segment", "added"): ngettext_noop("%(count)s segment added: %(names)s", "%(count)s segments added: %(names)s"),
    ("segment", "deleted"): ngettext_noop(
        "%(count)s segment deleted: %(names)s", "%(count)s segments deleted: %(names)s"
    ),
    ("segment", "mode_off"): ngettext_noop(
        "%(count)s segment ended with the account's mode: %(names)s",
        "%(count)s segments ended with the account's mode: %(names)s",
    ),
    ("segment", "mode_on"): ngettext_noop(
        "%(count)s segment came back with the account's mode: %(names)s",
        "%(count)s segments came back with the account's mode: %(names)s",
    ),
    ("segment", "returned"): ngettext_noop(
        "%(count)s segment came back: %(names)s", "%(count)s segments came back: %(names)s"
    ),
    ("stage", "added"): ngettext_noop("%(count)s stage added: %(names)s", "%(count)s stages added: %(names)s"),
    ("stage", "deleted"): ngettext_noop("%(count)s stage deleted: %(names)s", "%(count)s stages deleted: %(names)s"),
    ("stage", "mode_off"): ngettext_noop(
        "%(count)s stage ended with the account's mode: %(names)s",
        "%(count)s stages ended with the account's mode: %(names)s",
    ),
    ("stage", "mode_on"): ngettext_noop(
        "%(count)s stage came back with the account's mode: %(names)s",
        "%(count)s stages came back with the account's mode: %(names)s",
    ),
    ("stage", "returned"): ngettext_noop(
        "%(count)s stage came back: %(names)s", "%(count)s stages came back: %(names)s"
    ),
}

PROPERTIES: Final[Mapping[str, str]] = {
    "bonus_points_conversion_rate": gettext_noop("bonus points conversion rate"),
    "bonus_points_max_discount": gettext_noop("bonus points max discount"),
    "code": gettext_noop("code"),
    "color": gettext_noop("color"),
    "created_at": gettext_noop("creation time"),
    "customers_mode": gettext_noop("customers mode"),
    "is_default": gettext_noop("system stage"),
    "price_field_ids": gettext_noop("price fields"),
    "timezone": gettext_noop("timezone"),
    "type": gettext_noop("type"),
}
"""Names of properties within sentences, in the nominative. Others keep amoCRM's name."""
