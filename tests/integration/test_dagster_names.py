"""Names that Dagster stores with every event: renaming one would cut an installation's history in two."""

from __future__ import annotations

from collections.abc import Iterable

import dagster as dg
import pytest

from assets.definitions import build_definitions

ASSETS = """
amocrm/account amocrm/field_version amocrm/fleet amocrm/load_failure amocrm/member_difference
amocrm/option_version amocrm/place_day amocrm/place_flow_day amocrm/quality_event amocrm/scan
amocrm/segment_overlap amocrm/stage_move amocrm/stay_duration amocrm/stay_month
amocrm/raw_answer amocrm/segment_current amocrm/segment_field_value amocrm/segment_price_field amocrm/segment_size
amocrm/segment_size_daily amocrm/segment_version amocrm/size_alert amocrm/snapshot amocrm/stage_rule
amocrm/stage_version amocrm/write_back amocrm/write_back_thing
analytics/changes analytics/data_quality analytics/field_history analytics/fields analytics/freshness analytics/gaps
analytics/load_outcomes analytics/option_history analytics/segment_field_values analytics/segment_history
analytics/segment_jumps analytics/segment_lineage analytics/segment_movers analytics/segment_sizes
analytics/segment_sizes_daily analytics/segment_snapshots analytics/segment_trends analytics/segments
analytics/size_alerts analytics/snapshots analytics/stage_history analytics/stage_lineage analytics/stage_rules
analytics/stages analytics/write_backs
report
"""
CHECKS = """
amocrm/quality_event:answers_are_as_documented amocrm/raw_answer:account_is_the_same
amocrm/raw_answer:answers_and_ids_are_usable amocrm/raw_answer:lists_are_whole amocrm/raw_answer:token_lasts
amocrm/scan:all_customers_were_read amocrm/scan:events_explain_moves amocrm/scan:members_are_as_many_as_counted
amocrm/scan:scans_are_recent amocrm/snapshot:below_documented_limits analytics/segment_jumps:sizes_are_usual
"""
OPS = """
amocrm__raw_answer check_scan keep_house load_bucket make_as_wanted publish report scan_due_accounts tell_of_sizes views
"""
JOBS = "__ASSET_JOB housekeeping load_account load_fleet manage_account scan_customers"
SENSORS = "keep_reports register_accounts tell_of_failed_loads tell_of_loads_that_work_again"


def names(text: str) -> list[str]:
    return sorted(text.split())


def sorted_keys(keys: Iterable[dg.AssetKey | dg.AssetCheckKey]) -> list[str]:
    return sorted(key.to_user_string() for key in keys)


@pytest.mark.parametrize("is_fleet", [False, True])
def test_names_in_dagster_stay_as_they_were_released(*, is_fleet: bool) -> None:
    repository = build_definitions("0 * * * *", "UTC", is_fleet=is_fleet).get_repository_def()
    graph, jobs = repository.asset_graph, repository.get_all_jobs()
    assert set(names(ASSETS)) <= set(sorted_keys(graph.get_all_asset_keys())), "a released asset is gone"
    assert sorted_keys(graph.asset_check_keys) == names(CHECKS)
    assert sorted(job.name for job in jobs) == names(JOBS)
    assert sorted({node.name for job in jobs for node in job.nodes}) == names(OPS)
    assert sorted(schedule.name for schedule in repository.schedule_defs) == [
        "housekeeping",
        "load_accounts",
        "scan_customers",
    ]
    assert sorted(sensor.name for sensor in repository.sensor_defs) == names(SENSORS)
    assert sorted(repository.get_top_level_resources()) == ["hand_over", "workbench"]
    partitions = {graph.get(key).partitions_def for key in graph.get_all_asset_keys()}
    dynamic = (one.name or "" for one in partitions if isinstance(one, dg.DynamicPartitionsDefinition))
    assert sorted(dynamic) == ["accounts", "fleet_buckets"]
