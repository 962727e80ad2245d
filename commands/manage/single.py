"""Single steps: looking at one account's stages or segments, and changing one of them. Both kinds go the same way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final, TypeAlias

import click

from commands.manage.carry_out import carry_out, print_json
from commands.manage.options import Manner
from commands.manage.site import access_to
from commands.manage.things import print_segments, print_stages, segment_json, stage_json
from pipelines.amocrm.messages import Kind
from pipelines.amocrm.records import Segment, Snapshot, Stage
from pipelines.errors import SettingsError
from pipelines.manage.desired import Desired, DesiredSegment, DesiredStage
from pipelines.manage.export import export
from pipelines.manage.live import Access, read_live
from pipelines.manage.rules import MODE_OF
from pipelines.manage.wishes import wish_of

Wanted: TypeAlias = DesiredStage | DesiredSegment

SOURCE: Final = "the command"


def list_all(kind: Kind, *, account_key: str | None, demo: str | None, is_json: bool) -> None:
    """Print all stages or segments."""
    with access_to(demo, account_key) as access:
        snapshot = _read(access, kind)
    if is_json:
        print_json({f"{kind}s": [_json(one, snapshot) for one in _things(kind, snapshot)]})
    elif kind == "stage":
        print_stages(snapshot.stages)
    else:
        print_segments(snapshot.segments)


def get(kind: Kind, thing_id: int, *, account_key: str | None, demo: str | None, is_json: bool) -> None:
    """Print one, as a file would have it."""
    with access_to(demo, account_key) as access:
        snapshot = _read(access, kind)
        thing = next((one for one in _things(kind, snapshot) if one.id == thing_id), None)
        if thing is None:
            raise _mistake(access, f"the account has no {kind} with the id {thing_id}.")
    if is_json:
        print_json(_json(thing, snapshot))
    else:
        alone: dict[str, Any] = {f"{kind}s": (thing,)}
        click.echo(export(replace(snapshot, **alone)), nl=False)


def add(kind: Kind, wanted: Wanted, manner: Manner, *, account_key: str | None, demo: str | None) -> None:
    """Add one. Raises ``SettingsError`` where there is one of that name: a name is all by which a new one is known."""
    with access_to(demo, account_key) as access:
        namesakes = [one for one in _things(kind, _read(access, kind)) if one.name == wanted.name]
        if namesakes:
            raise _mistake(access, f"there is a {kind} of this name already, id {namesakes[0].id}.")
        carry_out(access, wish_of(_desired(wanted), account_key=access.account.key), manner)


def change(wanted: Wanted, manner: Manner, *, account_key: str | None, demo: str | None) -> None:
    """Change or delete one, which is named by its id."""
    with access_to(demo, account_key) as access:
        carry_out(access, wish_of(_desired(wanted), account_key=access.account.key), manner)


def _read(access: Access, kind: Kind) -> Snapshot:
    """The account as it is. Raises ``SettingsError`` where its mode has no such things."""
    snapshot = read_live(access)
    if snapshot.account.mode != MODE_OF[kind]:
        raise _mistake(access, f"the account has no {kind}s: its customers mode is '{snapshot.account.mode}'.")
    return snapshot


def _things(kind: Kind, snapshot: Snapshot) -> tuple[Stage, ...] | tuple[Segment, ...]:
    return snapshot.stages if kind == "stage" else snapshot.segments


def _json(thing: Stage | Segment, snapshot: Snapshot) -> dict[str, Any]:
    return stage_json(thing) if isinstance(thing, Stage) else segment_json(thing, snapshot)


def _desired(wanted: Wanted) -> Desired:
    if isinstance(wanted, DesiredStage):
        return Desired(source=SOURCE, stages=(wanted,))
    return Desired(source=SOURCE, segments=(wanted,))


def _mistake(access: Access, sentence: str) -> SettingsError:
    return SettingsError(sentence, account=access.account.key, advice="Nothing was sent.")
