"""List, show, add and change single stages or segments."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final, TypeAlias

import click

from commands.output import print_json
from commands.writeback.account import open_account
from commands.writeback.entity_output import print_segments, print_stages, segment_to_json, stage_to_json
from commands.writeback.execute import execute_plan
from commands.writeback.options import ApplyOptions
from pipelines.amocrm.messages import EntityKind
from pipelines.amocrm.models import Segment, Snapshot, Stage
from pipelines.base.errors import SettingsError
from pipelines.load.context import LoadContext
from pipelines.writeback.desired import DesiredConfig, DesiredSegment, DesiredStage
from pipelines.writeback.export import export_config
from pipelines.writeback.live_account import fetch_live_account
from pipelines.writeback.plan_source import to_desired_state
from pipelines.writeback.validation import MODE_BY_KIND

DesiredEntity: TypeAlias = DesiredStage | DesiredSegment

SOURCE: Final = "the command"


def list_all(kind: EntityKind, *, account_key: str | None, demo: str | None, is_json: bool) -> None:
    """Print all stages or segments."""
    with open_account(demo, account_key) as access:
        snapshot = _read_live(access, kind)
    if is_json:
        print_json({f"{kind}s": [_to_json(candidate, snapshot) for candidate in _entities(kind, snapshot)]})
    elif kind == "stage":
        print_stages(snapshot.stages)
    else:
        print_segments(snapshot.segments)


def get(kind: EntityKind, thing_id: int, *, account_key: str | None, demo: str | None, is_json: bool) -> None:
    """Print one stage or segment in the format of files."""
    with open_account(demo, account_key) as access:
        snapshot = _read_live(access, kind)
        entity = next((candidate for candidate in _entities(kind, snapshot) if candidate.id == thing_id), None)
        if entity is None:
            raise _error(access, f"the account has no {kind} with the id {thing_id}.")
    if is_json:
        print_json(_to_json(entity, snapshot))
    else:
        only: dict[str, Any] = {f"{kind}s": (entity,)}
        click.echo(export_config(replace(snapshot, **only)), nl=False)


def add(
    kind: EntityKind, desired: DesiredEntity, apply_options: ApplyOptions, *, account_key: str | None, demo: str | None
) -> None:
    """Add one. Raises ``SettingsError`` if its name exists, because a new entity is identified only by its name."""
    with open_account(demo, account_key) as access:
        namesakes = [
            candidate for candidate in _entities(kind, _read_live(access, kind)) if candidate.name == desired.name
        ]
        if namesakes:
            raise _error(access, f"a {kind} with this name exists already, id {namesakes[0].id}.")
        execute_plan(access, to_desired_state(_to_desired(desired), account_key=access.account.key), apply_options)


def change(desired: DesiredEntity, apply_options: ApplyOptions, *, account_key: str | None, demo: str | None) -> None:
    """Change or delete the one with the given id."""
    with open_account(demo, account_key) as access:
        execute_plan(access, to_desired_state(_to_desired(desired), account_key=access.account.key), apply_options)


def _read_live(access: LoadContext, kind: EntityKind) -> Snapshot:
    """Fetch the account. Raises ``SettingsError`` if its mode has no entities of this kind."""
    snapshot = fetch_live_account(access)
    if snapshot.account.mode != MODE_BY_KIND[kind]:
        raise _error(access, f"the account has no {kind}s: its customers mode is '{snapshot.account.mode}'.")
    return snapshot


def _entities(kind: EntityKind, snapshot: Snapshot) -> tuple[Stage, ...] | tuple[Segment, ...]:
    return snapshot.stages if kind == "stage" else snapshot.segments


def _to_json(entity: Stage | Segment, snapshot: Snapshot) -> dict[str, Any]:
    return stage_to_json(entity) if isinstance(entity, Stage) else segment_to_json(entity, snapshot)


def _to_desired(desired: DesiredEntity) -> DesiredConfig:
    if isinstance(desired, DesiredStage):
        return DesiredConfig(source=SOURCE, stages=(desired,))
    return DesiredConfig(source=SOURCE, segments=(desired,))


def _error(access: LoadContext, sentence: str) -> SettingsError:
    return SettingsError(sentence, account=access.account.key, advice="Nothing was sent.")
