"""The client without faults: every resource and mode, and proof of deletions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from emulator import effects
from pipelines.amocrm.extract import KnownEntities
from pipelines.amocrm.models import Snapshot
from pipelines.amocrm.snapshot import parse_snapshot
from pipelines.base.errors import (
    ApiError,
    IncompleteList,
    ModeDisagreement,
    NotFound,
    WrongAccount,
)
from tests.integration.client.client_account import ClientAccount, parsed, requested_paths
from tests.records import START


def counts(snapshot: Snapshot) -> dict[str, int | None]:
    return {segment.name or "": segment.customers_count for segment in snapshot.segments}


def test_a_load_of_segments_asks_for_the_account_and_two_lists(account: ClientAccount) -> None:
    client = account.extract()
    assert requested_paths(account) == ["account", "segments", "segments/custom_fields"]
    assert [request.query.get("limit") for request in account.emulator.requests] == [None, "250", "250"]
    assert client.request_count == 3
    snapshot = parsed(client)
    assert counts(snapshot) == {f"Segment {number}": number for number in range(7)}
    assert [segment.id for segment in snapshot.segments] == sorted(account.segment_ids)
    assert snapshot.segments[0].field_values[0].option_id == account.option_ids[0]
    assert {field.name: field.type for field in snapshot.fields} == {"Taste": "select", "Note": "text"}
    assert snapshot.anomalies == ()


def test_a_snapshot_is_a_pure_function_of_its_raw_answers(account: ClientAccount) -> None:
    client = account.extract()
    assert parse_snapshot(client.responses, START) == parsed(client)


def test_a_load_of_stages_asks_for_the_account_and_one_list(account: ClientAccount) -> None:
    account.emulator.world.switch_mode(account.account_id, "periodicity")
    snapshot = account.snapshot()
    assert requested_paths(account) == ["account", "statuses"]
    assert [stage.type for stage in snapshot.stages] == [4, 1, 2, 3]
    assert [len(stage.rules) for stage in snapshot.stages] == [0, 1, 0, 1]
    assert snapshot.anomalies == ()


@pytest.mark.parametrize("mode", ["disabled", "unavailable"])
def test_no_lists_or_ids_are_requested_if_the_mode_is_off(account: ClientAccount, mode: str) -> None:
    known = account.known
    account.emulator.world.switch_mode(account.account_id, mode)  # type: ignore[arg-type]
    snapshot = account.snapshot(known)
    assert requested_paths(account) == ["account"]
    assert (snapshot.account.mode, snapshot.segments, snapshot.gone_segment_ids) == (mode, (), frozenset())


def test_another_mode_proves_no_deletion(account: ClientAccount) -> None:
    known = account.known
    account.emulator.world.switch_mode(account.account_id, "periodicity")
    assert account.snapshot(known).gone_segment_ids == frozenset()
    assert requested_paths(account) == ["account", "statuses"]


@pytest.mark.parametrize("is_204", [True, False])
def test_an_empty_list_has_two_forms(account: ClientAccount, is_204: bool) -> None:
    world = account.emulator.world
    world.quirks = replace(world.quirks, is_empty_list_204=is_204)
    for segment_id in account.segment_ids:
        world.delete_segment(account.account_id, segment_id)
    assert account.snapshot().segments == ()


@pytest.mark.parametrize("has_totals", [True, False])
def test_several_pages_are_read_twice(account: ClientAccount, has_totals: bool) -> None:
    world = account.emulator.world
    world.quirks = replace(world.quirks, has_totals=has_totals)
    account.set_page_size(3)
    client = account.extract()
    assert requested_paths(account) == ["account", *["segments"] * 6, "segments/custom_fields"]
    assert len(parsed(client).segments) == 7
    accepted = [(response.pass_number, response.page) for response in client.responses if response.is_accepted]
    assert accepted == [(None, None), (2, 1), (2, 2), (2, 3), (1, 1)]


def test_a_page_too_many_is_a_204_and_the_end(account: ClientAccount) -> None:
    account.emulator.faults.add(effects.one_more_page(), resource="segments")
    assert len(account.snapshot().segments) == 7


def test_a_row_that_comes_between_two_pages_is_not_doubled_and_hides_nothing(account: ClientAccount) -> None:
    account.set_page_size(3)
    account.emulator.faults.add(
        effects.before_response(lambda world: world.add_segment(account.account_id, "New", place=0)),
        resource="segments",
        page=2,
        times=1,
    )
    snapshot = account.snapshot()
    assert sorted(counts(snapshot)) == ["New", *(f"Segment {number}" for number in range(7))]
    assert snapshot.anomalies == ()


def test_a_row_that_goes_between_two_pages_hides_no_other(account: ClientAccount) -> None:
    account.set_page_size(3)
    first = account.emulator.world.account(account.account_id).segment_order[0]
    account.emulator.faults.add(
        effects.before_response(lambda world: world.delete_segment(account.account_id, first)),
        resource="segments",
        page=2,
        times=1,
    )
    snapshot = account.snapshot(account.known)
    assert {segment.id for segment in snapshot.segments} == set(account.segment_ids) - {first}
    assert snapshot.gone_segment_ids == {first}


def test_a_list_that_never_stands_still_is_refused(account: ClientAccount) -> None:
    account.set_page_size(3)
    account.emulator.faults.add(
        effects.before_response(lambda world: world.add_segment(account.account_id, "New", place=0)),
        resource="segments",
        page=2,
    )
    with pytest.raises(IncompleteList, match="fetched 4 times") as caught:
        account.extract()
    assert caught.value.request == "GET /api/v4/customers/segments?page=4&limit=250"
    assert caught.value.account == "shop"
    assert len(caught.value.responses) == len(account.emulator.requests)


# By id


def test_entities_are_fetched_by_id(account: ClientAccount) -> None:
    with account.client() as client:
        segment = client.fetch_entity("segment", account.segment_ids[0])
        assert segment is not None
        assert segment["name"] == "Segment 0"
        field = client.fetch_entity("field", account.field_id)
        assert field is not None
        assert field["name"] == "Taste"
        assert client.fetch_entity("segment", 999_999) is None
        assert client.fetch_entity("field", 999_999) is None
        assert [len(client.fetch_list("segments").rows), len(client.fetch_list("fields").rows)] == [7, 2]
        with pytest.raises(ModeDisagreement):
            client.fetch_list("stages")
    account.emulator.world.switch_mode(account.account_id, "periodicity")
    with account.client() as client:
        stage_id = next(iter(client.fetch_list("stages").rows))
        stage = client.fetch_entity("stage", stage_id)
        assert stage is not None
        assert stage["id"] == stage_id
        assert client.fetch_entity("stage", 999_999) is None


def test_another_entity_than_requested_is_refused(account: ClientAccount) -> None:
    account.emulator.faults.add(effects.payload(lambda row: row | {"id": row["id"] + 1}), resource="segment")
    with account.client() as client, pytest.raises(ApiError, match="another segment was returned"):
        client.fetch_entity("segment", account.segment_ids[0])


@pytest.mark.parametrize("is_204", [True, False])
def test_missing_entities_are_confirmed_and_the_account_is_read_again(account: ClientAccount, is_204: bool) -> None:
    known, world = account.known, account.emulator.world
    world.quirks = replace(world.quirks, is_missing_thing_204=is_204)
    world.delete_segment(account.account_id, account.segment_ids[3])
    world.delete_field(account.account_id, account.field_id)
    client = account.extract(known)
    assert requested_paths(account) == [
        "account",
        "segments",
        f"segments/{account.segment_ids[3]}",
        "segments/custom_fields",
        f"segments/custom_fields/{account.field_id}",
        "account",
    ]
    snapshot = parsed(client)
    assert snapshot.gone_segment_ids == {account.segment_ids[3]}
    assert snapshot.gone_field_ids == {account.field_id}
    assert parse_snapshot(client.responses, START) == snapshot


def test_a_deleted_stage_is_proven_gone(account: ClientAccount) -> None:
    world = account.emulator.world
    world.switch_mode(account.account_id, "periodicity")
    stage_id = world.add_stage(account.account_id, "Extra", sort=5)
    known = account.known
    world.delete_stage(account.account_id, stage_id)
    assert account.snapshot(known).gone_stage_ids == {stage_id}


def test_an_option_that_is_missing_is_proven_by_its_field(account: ClientAccount) -> None:
    known = account.known
    account.emulator.world.remove_option(account.account_id, account.field_id, account.option_ids[0])
    snapshot = account.snapshot(known)
    assert snapshot.confirmed_field_ids == {account.field_id}
    assert [option.id for field in snapshot.fields for option in field.options] == [account.option_ids[1]]


def test_options_of_unknown_fields_are_confirmed(account: ClientAccount) -> None:
    known = replace(account.known, field_ids=frozenset(), option_ids=frozenset({(999_999, 1)}))
    assert account.snapshot(known).gone_field_ids == {999_999}


def test_what_the_list_forgot_once_is_found_by_reading_it_again(account: ClientAccount) -> None:
    account.emulator.faults.add(effects.items(lambda rows: rows[1:]), resource="segments", times=1)
    account.emulator.faults.add(effects.totals(None), resource="segments")
    client = account.extract(account.known)
    assert len(parsed(client).segments) == 7
    assert parsed(client).gone_segment_ids == frozenset()
    lists = [response for response in client.responses if response.resource == "segments"]
    assert [(response.pass_number, response.is_accepted) for response in lists] == [(1, False), (2, True)]


@pytest.mark.parametrize("resource", ["segments", "fields"])
def test_a_list_that_keeps_forgetting_what_is_there_is_refused(account: ClientAccount, resource: str) -> None:
    account.emulator.faults.add(effects.items(lambda rows: rows[1:]), resource=resource)
    account.emulator.faults.add(effects.totals(None), resource=resource)
    with pytest.raises(IncompleteList, match=f"list of {resource} contradicted twice"):
        account.extract(account.known)


def test_a_list_that_keeps_forgetting_an_option_is_refused(account: ClientAccount) -> None:
    def forget(rows: list[dict[str, object]]) -> list[dict[str, object]]:
        return [row | {"enums": None} for row in rows]

    account.emulator.faults.add(effects.items(forget), resource="fields")
    with pytest.raises(IncompleteList, match="list of fields contradicted twice"):
        account.extract(account.known)


def test_a_list_that_shows_what_is_gone_is_refused(account: ClientAccount) -> None:
    """It is missing at first, gone by its id, and back when the list is read again because of another one."""
    first, second = account.emulator.world.account(account.account_id).segment_order[:2]
    known = account.known
    account.emulator.faults.add(effects.totals(None), resource="segments")
    account.emulator.faults.add(effects.items(lambda rows: rows[2:]), resource="segments", times=1)
    account.emulator.faults.add(effects.error(404), resource="segment", thing_id=first)
    assert second in known.segment_ids
    with pytest.raises(IncompleteList, match="contradicted twice"):
        account.extract(known)


def test_an_empty_first_load_is_looked_at_twice(account: ClientAccount) -> None:
    account.emulator.faults.add(effects.no_content(), resource="segments", times=1)
    assert len(account.snapshot().segments) == 7


def test_an_empty_answer_ends_nothing_that_is_there(account: ClientAccount) -> None:
    account.emulator.faults.add(effects.no_content(), resource="segments")
    with pytest.raises(IncompleteList):
        account.extract(account.known)


def test_a_404_of_a_web_server_proves_nothing(account: ClientAccount) -> None:
    known = account.known
    account.emulator.world.delete_segment(account.account_id, account.segment_ids[0])
    account.emulator.faults.add(effects.html(404, "Not Found"), resource="segment")
    with pytest.raises(NotFound):
        account.extract(known)


def test_a_mode_switch_during_confirmations_proves_no_deletion(account: ClientAccount) -> None:
    known, world = account.known, account.emulator.world
    world.delete_segment(account.account_id, account.segment_ids[0])
    switch = effects.before_response(lambda world: world.switch_mode(account.account_id, "periodicity"))
    with account.emulator.faults.during(switch, resource="segment"), pytest.raises(ModeDisagreement):
        account.extract(known)
    world.switch_mode(account.account_id, "segments")
    with (
        account.emulator.faults.during(switch, resource="account", nth=2),
        pytest.raises(ModeDisagreement, match="changed from 'segments' to 'periodicity'"),
    ):
        account.extract(known)


def test_a_mode_switched_before_the_list_is_a_disagreement(account: ClientAccount) -> None:
    switch = effects.before_response(lambda world: world.switch_mode(account.account_id, "periodicity"))
    account.emulator.faults.add(switch, resource="segments")
    with pytest.raises(ModeDisagreement):
        account.extract()


def test_another_account_is_refused_after_the_first_response(account: ClientAccount) -> None:
    with pytest.raises(WrongAccount, match=f"belongs to account {account.account_id}, and the history to account 7"):
        account.extract(KnownEntities(account_id=7, segment_ids=frozenset({1})))
    assert requested_paths(account) == ["account"]


def test_an_account_that_turns_into_another_one_is_refused(account: ClientAccount) -> None:
    known = account.known
    account.emulator.world.delete_segment(account.account_id, account.segment_ids[0])
    account.emulator.faults.add(effects.payload(lambda one: one | {"id": 8}), resource="account", nth=2)
    with pytest.raises(WrongAccount, match=f"Account {account.account_id} turned into account 8"):
        account.extract(known)


def test_an_entity_of_another_account_is_refused(account: ClientAccount) -> None:
    account.emulator.faults.add(effects.items(lambda rows: rows[1:]), resource="segments")
    account.emulator.faults.add(effects.totals(None), resource="segments")
    account.emulator.faults.add(effects.payload(lambda row: row | {"account_id": 8}), resource="segment")
    with pytest.raises(WrongAccount):
        account.extract(account.known)
