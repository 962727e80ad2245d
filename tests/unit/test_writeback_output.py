"""Pure parts of the commands that change accounts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import click
import pytest
from click.testing import CliRunner

from commands.demo.options import DemoCommand, demo_option
from commands.segments import build_desired_segment
from commands.writeback.account import select_account
from commands.writeback.entity_output import segment_to_json, stage_to_json
from commands.writeback.execute import describe_result
from commands.writeback.past import parse_instant
from pipelines.amocrm.models import FieldValue, Rule
from pipelines.base.errors import SettingsError
from pipelines.base.secret import Secret
from pipelines.config.settings import AccountSettings, Settings
from pipelines.warehouse.past import StoredAccount
from pipelines.writeback.apply import AppliedCall, ApplyResult
from pipelines.writeback.config_file import parse_desired
from pipelines.writeback.desired import DesiredSegment, DesiredValue
from pipelines.writeback.plan import make_plan
from pipelines.writeback.yaml_nodes import YamlList, YamlText
from tests.records import field, hours, option, segment, snapshot, stage, text_value

MOSCOW = ZoneInfo("Europe/Moscow")


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-11-01T09:00", datetime(2026, 11, 1, 6, tzinfo=UTC)),
        ("2026-11-01 09:00", datetime(2026, 11, 1, 6, tzinfo=UTC)),
        (" 2026-11-01 ", datetime(2026, 10, 31, 21, tzinfo=UTC)),
        ("2026-11-01T09:00Z", datetime(2026, 11, 1, 9, tzinfo=UTC)),
        ("2026-11-01 09:00:00.000001+00", datetime(2026, 11, 1, 9, 0, 0, 1, tzinfo=UTC)),
        ("2026-11-01T09:00-05:00", datetime(2026, 11, 1, 14, tzinfo=UTC)),
    ],
)
def test_an_instant_without_an_offset_is_the_accounts(text: str, instant: datetime) -> None:
    assert parse_instant(text, MOSCOW) == instant


@pytest.mark.parametrize("text", ["yesterday", "", "2026-13-01", "01.11.2026"])
def test_an_invalid_instant_is_reported(text: str) -> None:
    with pytest.raises(SettingsError, match="is not a time"):
        parse_instant(text, MOSCOW)


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        (["get", "--demo", "51"], ("latest", "51")),
        (["get", "51", "--demo"], ("latest", "51")),
        (["get", "--demo", "periodicity", "51"], ("periodicity", "51")),
        (["get", "--demo=segments", "51"], ("segments", "51")),
        (["get", "51"], (None, "51")),
        (["get", "--demo", "--", "51"], ("latest", "51")),
    ],
)
def test_an_argument_is_not_taken_for_the_demos_mode(typed: list[str], found: tuple[str | None, str]) -> None:
    seen: list[tuple[str | None, str]] = []

    @click.command(cls=DemoCommand)
    @click.argument("thing_id")
    @demo_option
    def command(thing_id: str, demo: str | None) -> None:
        seen.append((demo, thing_id))

    result = CliRunner().invoke(command, typed[1:])
    assert (result.exit_code, seen) == (0, [found])


def test_fields_are_given_by_name_and_value() -> None:
    given = build_desired_segment(
        name="VIP", fields=["Note=a=b", "Tags=A", "Tags = B", "Old=null"], prices=[3, 1, 3], color="#AE003F"
    )
    assert given == DesiredSegment(
        name="VIP",
        color="ae003f",
        price_field_ids=(1, 3),
        values=(
            DesiredValue(field=YamlText(text="Note"), value=YamlText(text="a=b")),
            DesiredValue(field=YamlText(text="Tags"), value=YamlList(items=(YamlText(text="A"), YamlText(text=" B")))),
            DesiredValue(field=YamlText(text="Old"), value=YamlText(text="null")),
        ),
    )
    assert given.values[2].value.is_null  # type: ignore[union-attr]


def test_a_field_without_a_value_is_reported() -> None:
    with pytest.raises(click.BadParameter, match="lacks its value"):
        build_desired_segment(fields=["Note"], prices=[], color=None)


def test_price_fields_stay_unless_given_and_can_be_emptied() -> None:
    assert build_desired_segment(fields=[], prices=[], color=None).price_field_ids is None
    assert build_desired_segment(fields=[], prices=[], is_without_prices=True, color=None).price_field_ids == ()
    with pytest.raises(click.UsageError, match="exclude each other"):
        build_desired_segment(fields=[], prices=[1], is_without_prices=True, color=None)


def known(*keys: str) -> list[StoredAccount]:
    return [StoredAccount(key=key, id=number, timezone=MOSCOW) for number, key in enumerate(keys, 1)]


def settings(*keys: str) -> Settings:
    accounts = (AccountSettings(key=key, base_url="https://x.amocrm.ru", token=Secret("t")) for key in keys)
    return Settings(data_dir=Path(), accounts=tuple(accounts))


@pytest.mark.parametrize(
    ("history", "key", "set_up", "found"),
    [
        (known("a"), None, settings(), "a"),
        (known("a", "b"), None, settings("b"), "b"),
        (known("a", "b"), "a", settings("b"), "a"),
        (known("a", "b"), "a", settings(), "a"),
    ],
)
def test_an_account_of_the_history_is_chosen(
    history: list[StoredAccount], key: str | None, set_up: Settings, found: str
) -> None:
    assert select_account(history, key, set_up).key == found


@pytest.mark.parametrize(
    ("history", "key", "set_up", "what"),
    [
        (known(), None, settings(), "no history yet"),
        (known("a", "b"), None, settings(), "Several accounts"),
        (known(*(f"a{number}" for number in range(30))), None, settings(), "a0, .*, a19 and 10 more"),
        (known("a"), "c", settings(), "account 'c' has no history"),
        (known("a"), None, settings("c"), "account 'c' has no history"),
    ],
)
def test_an_ambiguous_choice_is_reported(
    history: list[StoredAccount], key: str | None, set_up: Settings, what: str
) -> None:
    with pytest.raises(SettingsError, match=what):
        select_account(history, key, set_up)


def test_a_stage_as_json_has_its_conditions_as_they_came() -> None:
    rules = (
        Rule(group=0, position=0, type="a", match=1, body={"type": "a"}),
        Rule(group=2, position=0, type="b", match=1, body={"type": "b"}),
    )
    shown = stage_to_json(stage(1, rules, name="One"))
    assert shown["conditions"] == [[{"type": "a"}], [], [{"type": "b"}]]
    assert (shown["id"], shown["name"], shown["is_default"]) == (1, "One", False)


def test_a_segment_as_json_has_its_fields_by_name() -> None:
    plain: dict[str, Any] = {"field_type": "any", "position": 0}
    one = segment(
        1,
        5,
        field_values=(
            text_value(1, "x"),
            FieldValue(field_id=2, option_id=21, field_type="multiselect", position=0),
            FieldValue(field_id=3, json={"value": {"inn": "1"}}, **plain),
            FieldValue(field_id=4, text="two", **plain),
        ),
    )
    fields = (
        field(1, name="Note"),
        field(2, option(21, value="A"), name="Tags", type="multiselect"),
        field(3, name="Payer", type="payer"),
        field(4, name="Note", type="other"),
    )
    assert segment_to_json(one, snapshot(hours(0), segments=(one,), fields=fields))["fields"] == {
        "1": "x",
        "Tags": ["A"],
        "3": [{"value": {"inn": "1"}}],
        "4": ["two"],
    }


def test_the_outcome_of_each_call_is_shown() -> None:
    live = snapshot(hours(0), segments=(segment(1, name="Old"), segment(2, name="Kept")))
    file = "version: 1\nsegments: [{name: New}, {id: 2, name: Held}, {name: Old, delete: true}, {name: Newer}]"
    calls = make_plan(live, parse_desired(file)).calls
    applied_calls = (
        AppliedCall(call=calls[0], call_id=UUID(int=1), outcome="done"),
        AppliedCall(call=calls[1], call_id=UUID(int=2), outcome="done", added_ids=(7,)),
        AppliedCall(call=calls[2], call_id=UUID(int=3), outcome="uncertain"),
    )
    lines = list(
        describe_result(
            ApplyResult(applied_calls=applied_calls, remaining_calls=calls[3:], load=None, error=None), MOSCOW
        )
    )
    assert lines == [
        "",
        "2 of 4 calls done:",
        "  done       ~ segment Kept (id 2)",
        "  done       + segment New (id 7)",
        "  uncertain  + segment Newer",
        "  not made   - segment Old (id 1)",
    ]


def test_instants_keep_their_place_on_the_night_of_summer_time() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    before, after = (parse_instant(f"2026-03-29T0{hour}:30", berlin) for hour in (1, 3))
    assert after.astimezone(UTC) - before.astimezone(UTC) == timedelta(hours=1)
