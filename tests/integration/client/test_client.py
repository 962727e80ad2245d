"""The client against an amoCRM in good health: every resource, every mode, and proof of what is gone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from emulator import effects
from pipelines.amocrm.extract import Known
from pipelines.amocrm.read import read_snapshot
from pipelines.amocrm.records import Snapshot
from pipelines.errors import (
    ApiError,
    IncompleteList,
    ModeDisagreement,
    NotFound,
    WrongAccount,
)
from tests.integration.client.shop import NOW, Shop, asked


def counts(snapshot: Snapshot) -> dict[str, int | None]:
    return {segment.name or "": segment.customers_count for segment in snapshot.segments}


def test_a_load_of_segments_asks_for_the_account_and_two_lists(shop: Shop) -> None:
    extraction = shop.extract()
    assert asked(shop) == ["account", "segments", "segments/custom_fields"]
    assert [request.query.get("limit") for request in shop.emulator.requests] == [None, "250", "250"]
    assert (extraction.request_count, extraction.observed_at) == (3, NOW)
    assert extraction.byte_count == sum(len(answer.body) for answer in extraction.answers)
    assert extraction.account.id == shop.account_id
    snapshot = extraction.snapshot()
    assert counts(snapshot) == {f"Segment {number}": number for number in range(7)}
    assert [segment.id for segment in snapshot.segments] == sorted(shop.segment_ids)
    assert snapshot.segments[0].field_values[0].option_id == shop.option_ids[0]
    assert {field.name: field.type for field in snapshot.fields} == {"Taste": "select", "Note": "text"}
    assert snapshot.oddities == ()


def test_a_snapshot_is_a_pure_function_of_its_raw_answers(shop: Shop) -> None:
    extraction = shop.extract()
    assert read_snapshot(extraction.answers, NOW) == extraction.snapshot()


def test_a_load_of_stages_asks_for_the_account_and_one_list(shop: Shop) -> None:
    shop.emulator.world.switch_mode(shop.account_id, "periodicity")
    snapshot = shop.extract().snapshot()
    assert asked(shop) == ["account", "statuses"]
    assert [stage.type for stage in snapshot.stages] == [4, 1, 2, 3]
    assert [len(stage.rules) for stage in snapshot.stages] == [0, 1, 0, 1]
    assert snapshot.oddities == ()


@pytest.mark.parametrize("mode", ["disabled", "unavailable"])
def test_where_the_mode_is_off_nothing_is_asked_for_not_even_by_id(shop: Shop, mode: str) -> None:
    known = shop.known
    shop.emulator.world.switch_mode(shop.account_id, mode)  # type: ignore[arg-type]
    snapshot = shop.extract(known).snapshot()
    assert asked(shop) == ["account"]
    assert (snapshot.account.mode, snapshot.segments, snapshot.gone_segment_ids) == (mode, (), frozenset())


def test_another_mode_proves_no_end_of_the_other_modes_things(shop: Shop) -> None:
    known = shop.known
    shop.emulator.world.switch_mode(shop.account_id, "periodicity")
    assert shop.extract(known).snapshot().gone_segment_ids == frozenset()
    assert asked(shop) == ["account", "statuses"]


@pytest.mark.parametrize("is_204", [True, False])
def test_an_empty_list_has_two_forms(shop: Shop, is_204: bool) -> None:
    world = shop.emulator.world
    world.quirks = replace(world.quirks, is_empty_list_204=is_204)
    for segment_id in shop.segment_ids:
        world.delete_segment(shop.account_id, segment_id)
    assert shop.extract().snapshot().segments == ()


@pytest.mark.parametrize("has_totals", [True, False])
def test_several_pages_are_read_twice(shop: Shop, has_totals: bool) -> None:
    world = shop.emulator.world
    world.quirks = replace(world.quirks, has_totals=has_totals)
    shop.pages_of(3)
    extraction = shop.extract()
    assert asked(shop) == ["account", *["segments"] * 6, "segments/custom_fields"]
    assert len(extraction.snapshot().segments) == 7
    accepted = [(answer.pass_number, answer.page) for answer in extraction.answers if answer.is_accepted]
    assert accepted == [(None, None), (2, 1), (2, 2), (2, 3), (1, 1)]


def test_a_page_too_many_is_a_204_and_the_end(shop: Shop) -> None:
    shop.emulator.faults.add(effects.one_more_page(), resource="segments")
    assert len(shop.extract().snapshot().segments) == 7


def test_a_row_that_comes_between_two_pages_is_not_doubled_and_hides_nothing(shop: Shop) -> None:
    shop.pages_of(3)
    shop.emulator.faults.add(
        effects.meanwhile(lambda world: world.add_segment(shop.account_id, "New", place=0)),
        resource="segments",
        page=2,
        times=1,
    )
    snapshot = shop.extract().snapshot()
    assert sorted(counts(snapshot)) == ["New", *(f"Segment {number}" for number in range(7))]
    assert snapshot.oddities == ()


def test_a_row_that_goes_between_two_pages_hides_no_other(shop: Shop) -> None:
    shop.pages_of(3)
    first = shop.emulator.world.account(shop.account_id).segment_order[0]
    shop.emulator.faults.add(
        effects.meanwhile(lambda world: world.delete_segment(shop.account_id, first)),
        resource="segments",
        page=2,
        times=1,
    )
    snapshot = shop.extract(shop.known).snapshot()
    assert {segment.id for segment in snapshot.segments} == set(shop.segment_ids) - {first}
    assert snapshot.gone_segment_ids == {first}


def test_a_list_that_never_stands_still_is_refused(shop: Shop) -> None:
    shop.pages_of(3)
    shop.emulator.faults.add(
        effects.meanwhile(lambda world: world.add_segment(shop.account_id, "New", place=0)), resource="segments", page=2
    )
    with pytest.raises(IncompleteList, match="read 4 times") as caught:
        shop.extract()
    assert caught.value.request == "GET /api/v4/customers/segments?page=4&limit=250"
    assert caught.value.account == "shop"
    assert len(caught.value.answers) == len(shop.emulator.requests)


# By id


def test_things_are_asked_for_by_id(shop: Shop) -> None:
    with shop.client() as client:
        segment = client.segment(shop.segment_ids[0])
        assert segment is not None
        assert segment["name"] == "Segment 0"
        field = client.field(shop.field_id)
        assert field is not None
        assert field["name"] == "Taste"
        assert client.segment(999_999) is None
        assert client.field(999_999) is None
        assert [len(client.segments().rows), len(client.fields().rows)] == [7, 2]
        with pytest.raises(ModeDisagreement):
            client.stages()
    shop.emulator.world.switch_mode(shop.account_id, "periodicity")
    with shop.client() as client:
        stage_id = next(iter(client.stages().rows))
        stage = client.stage(stage_id)
        assert stage is not None
        assert stage["id"] == stage_id
        assert client.stage(999_999) is None


def test_another_thing_than_asked_for_is_refused(shop: Shop) -> None:
    shop.emulator.faults.add(effects.payload(lambda row: row | {"id": row["id"] + 1}), resource="segment")
    with shop.client() as client, pytest.raises(ApiError, match="another segment came"):
        client.segment(shop.segment_ids[0])


@pytest.mark.parametrize("is_204", [True, False])
def test_what_is_missing_is_asked_for_and_then_the_account_again(shop: Shop, is_204: bool) -> None:
    known, world = shop.known, shop.emulator.world
    world.quirks = replace(world.quirks, is_missing_thing_204=is_204)
    world.delete_segment(shop.account_id, shop.segment_ids[3])
    world.delete_field(shop.account_id, shop.field_id)
    extraction = shop.extract(known)
    assert asked(shop) == [
        "account",
        "segments",
        f"segments/{shop.segment_ids[3]}",
        "segments/custom_fields",
        f"segments/custom_fields/{shop.field_id}",
        "account",
    ]
    snapshot = extraction.snapshot()
    assert snapshot.gone_segment_ids == {shop.segment_ids[3]}
    assert snapshot.gone_field_ids == {shop.field_id}
    assert read_snapshot(extraction.answers, NOW) == snapshot


def test_a_deleted_stage_is_proven_gone(shop: Shop) -> None:
    world = shop.emulator.world
    world.switch_mode(shop.account_id, "periodicity")
    stage_id = world.add_stage(shop.account_id, "Extra", sort=5)
    known = shop.known
    world.delete_stage(shop.account_id, stage_id)
    assert shop.extract(known).snapshot().gone_stage_ids == {stage_id}


def test_an_option_that_is_missing_is_proven_by_its_field(shop: Shop) -> None:
    known = shop.known
    shop.emulator.world.remove_option(shop.account_id, shop.field_id, shop.option_ids[0])
    snapshot = shop.extract(known).snapshot()
    assert snapshot.asked_field_ids == {shop.field_id}
    assert [option.id for field in snapshot.fields for option in field.options] == [shop.option_ids[1]]


def test_an_option_of_a_field_that_nobody_knows_is_asked_for_too(shop: Shop) -> None:
    known = replace(shop.known, field_ids=frozenset(), option_ids=frozenset({(999_999, 1)}))
    assert shop.extract(known).snapshot().gone_field_ids == {999_999}


def test_what_the_list_forgot_once_is_found_by_reading_it_again(shop: Shop) -> None:
    shop.emulator.faults.add(effects.items(lambda rows: rows[1:]), resource="segments", times=1)
    shop.emulator.faults.add(effects.totals(None), resource="segments")
    extraction = shop.extract(shop.known)
    assert len(extraction.snapshot().segments) == 7
    assert extraction.snapshot().gone_segment_ids == frozenset()
    lists = [answer for answer in extraction.answers if answer.resource == "segments"]
    assert [(answer.pass_number, answer.is_accepted) for answer in lists] == [(1, False), (2, True)]


@pytest.mark.parametrize("resource", ["segments", "fields"])
def test_a_list_that_keeps_forgetting_what_is_there_is_refused(shop: Shop, resource: str) -> None:
    shop.emulator.faults.add(effects.items(lambda rows: rows[1:]), resource=resource)
    shop.emulator.faults.add(effects.totals(None), resource=resource)
    with pytest.raises(IncompleteList, match=f"list of {resource} twice contradicted"):
        shop.extract(shop.known)


def test_a_list_that_keeps_forgetting_an_option_is_refused(shop: Shop) -> None:
    def forget(rows: list[dict[str, object]]) -> list[dict[str, object]]:
        return [row | {"enums": None} for row in rows]

    shop.emulator.faults.add(effects.items(forget), resource="fields")
    with pytest.raises(IncompleteList, match="list of fields twice contradicted"):
        shop.extract(shop.known)


def test_a_list_that_shows_what_is_gone_is_refused(shop: Shop) -> None:
    """It is missing at first, gone by its id, and back when the list is read again because of another one."""
    first, second = shop.emulator.world.account(shop.account_id).segment_order[:2]
    known = shop.known
    shop.emulator.faults.add(effects.totals(None), resource="segments")
    shop.emulator.faults.add(effects.items(lambda rows: rows[2:]), resource="segments", times=1)
    shop.emulator.faults.add(effects.error(404), resource="segment", thing_id=first)
    assert second in known.segment_ids
    with pytest.raises(IncompleteList, match="twice contradicted"):
        shop.extract(known)


def test_an_empty_first_load_is_looked_at_twice(shop: Shop) -> None:
    shop.emulator.faults.add(effects.no_content(), resource="segments", times=1)
    assert len(shop.extract().snapshot().segments) == 7


def test_an_empty_answer_ends_nothing_that_is_there(shop: Shop) -> None:
    shop.emulator.faults.add(effects.no_content(), resource="segments")
    with pytest.raises(IncompleteList):
        shop.extract(shop.known)


def test_a_404_of_a_web_server_proves_nothing(shop: Shop) -> None:
    known = shop.known
    shop.emulator.world.delete_segment(shop.account_id, shop.segment_ids[0])
    shop.emulator.faults.add(effects.html(404, "Not Found"), resource="segment")
    with pytest.raises(NotFound):
        shop.extract(known)


def test_a_mode_switched_while_things_are_asked_for_proves_nothing(shop: Shop) -> None:
    known, world = shop.known, shop.emulator.world
    world.delete_segment(shop.account_id, shop.segment_ids[0])
    switch = effects.meanwhile(lambda world: world.switch_mode(shop.account_id, "periodicity"))
    with shop.emulator.faults.during(switch, resource="segment"), pytest.raises(ModeDisagreement):
        shop.extract(known)
    world.switch_mode(shop.account_id, "segments")
    with (
        shop.emulator.faults.during(switch, resource="account", nth=2),
        pytest.raises(ModeDisagreement, match="changed from 'segments' to 'periodicity'"),
    ):
        shop.extract(known)


def test_a_mode_switched_before_the_list_is_a_disagreement(shop: Shop) -> None:
    switch = effects.meanwhile(lambda world: world.switch_mode(shop.account_id, "periodicity"))
    shop.emulator.faults.add(switch, resource="segments")
    with pytest.raises(ModeDisagreement):
        shop.extract()


def test_another_account_than_the_known_one_is_refused_before_anything_is_asked(shop: Shop) -> None:
    with pytest.raises(WrongAccount, match=f"belongs to account {shop.account_id}, and the history to account 7"):
        shop.extract(Known(account_id=7, segment_ids=frozenset({1})))
    assert asked(shop) == ["account"]


def test_an_account_that_turns_into_another_one_is_refused(shop: Shop) -> None:
    known = shop.known
    shop.emulator.world.delete_segment(shop.account_id, shop.segment_ids[0])
    shop.emulator.faults.add(effects.payload(lambda one: one | {"id": 8}), resource="account", nth=2)
    with pytest.raises(WrongAccount, match=f"Account {shop.account_id} turned into account 8"):
        shop.extract(known)


def test_a_thing_of_another_account_by_its_id_is_refused(shop: Shop) -> None:
    shop.emulator.faults.add(effects.items(lambda rows: rows[1:]), resource="segments")
    shop.emulator.faults.add(effects.totals(None), resource="segments")
    shop.emulator.faults.add(effects.payload(lambda row: row | {"account_id": 8}), resource="segment")
    with pytest.raises(WrongAccount):
        shop.extract(shop.known)
