"""Comparison of what scans published with the emulator's true record."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from emulator.customer import Stay
from pipelines.customers.projection import FORGOTTEN_FROM
from tests.random_scans import RandomLife

BEFORE: Final = datetime(1970, 1, 1, tzinfo=UTC)

Places = frozenset[tuple[bool, int]]


def check_scan(life: RandomLife) -> None:
    """Check all invariants after a published scan."""
    stays = life.rows(
        "select customer_id, place = 'stage', place_id, entered_after, entered_by, left_after, left_by, end_reason"
        " from members.stays where account_id = :id order by entered_by",
        id=life.id,
    )
    check_bounds(life, stays)
    check_sizes(life, stays)
    check_open_places(life, stays)
    check_flows(life)
    check_spans(life)
    check_cohorts(life, stays)
    check_differences(life, stays)
    check_events(life)
    check_pages(life)
    check_members_as_of(life, stays)


def true_stays(life: RandomLife) -> dict[tuple[int, bool, int], list[Stay]]:
    """The true record by customer and place."""
    truth: defaultdict[tuple[int, bool, int], list[Stay]] = defaultdict(list)
    for stay in life.world.book(life.id).stays():
        truth[stay.customer_id, stay.kind == "stage", stay.place_id].append(stay)
    return truth


def check_bounds(life: RandomLife, stays: list[tuple[Any, ...]]) -> None:
    """Each stay has a true one within its bounds, none has ended that goes on, and none overlap."""
    truth = true_stays(life)
    latest: dict[tuple[int, bool, int], datetime | None] = {}
    may_hide = life.world.quirks.hidden_customer_status == 204
    for customer_id, is_stage, place_id, entered_after, entered_by, left_after, left_by, reason in stays:
        place = (customer_id, is_stage, place_id)
        previous_end = latest.get(place, BEFORE)
        assert previous_end is not None, f"two stays of {place} are open"
        assert previous_end <= entered_by
        latest[place] = left_by
        if customer_id >= FORGOTTEN_FROM:
            assert reason is not None
            continue
        assert customer_id not in life.forgotten
        begins = [one for one in truth[place] if (entered_after or BEFORE) <= one.entered_at <= entered_by]
        assert begins, (place, entered_after, entered_by, truth[place])
        if left_by is not None and not (reason == "gone_or_hidden" and may_hide):
            ends = [one for one in truth[place] if one.left_at and left_after <= one.left_at <= left_by]
            assert ends, (place, left_after, left_by, reason, truth[place])


def check_sizes(life: RandomLife, stays: list[tuple[Any, ...]]) -> None:
    """The latest size of each place is the number of its open stays."""
    sizes = life.rows(
        "select distinct on (is_stage, place_id) is_stage, place_id, last_count from amocrm.place_day"
        " where account_id = :id order by is_stage, place_id, observed_date desc",
        id=life.id,
    )
    opened = Counter((stay[1], stay[2]) for stay in stays if stay[6] is None)
    assert {(is_stage, place_id): count for is_stage, place_id, count in sizes if count} == dict(opened)


def check_open_places(life: RandomLife, stays: list[tuple[Any, ...]]) -> None:
    """A customer that did not change since the scan began is where it is, unless it could not be read."""
    (started_at,) = life.rows("select max(started_at) from amocrm.scan where account_id = :id", id=life.id)[0]
    stored: defaultdict[int, set[tuple[bool, int]]] = defaultdict(set)
    for stay in stays:
        if stay[6] is None:
            stored[stay[0]].add((stay[1], stay[2]))
    true_places: defaultdict[int, set[tuple[bool, int]]] = defaultdict(set)
    changed = {customer_id for customer_id, at in life.hidden_at.items() if at >= started_at}
    for one in life.world.book(life.id).stays():
        if max(one.entered_at, one.left_at or one.entered_at) >= started_at:
            changed.add(one.customer_id)
        if one.left_at is None:
            true_places[one.customer_id].add((one.kind == "stage", one.place_id))
    exempt = kept_customers(life) | changed | life.forgotten
    for customer in life.world.book(life.id).customers.values():
        if customer.id in exempt:
            continue
        allowed = [true_places[customer.id]]
        if customer.is_hidden:
            is_shown_by_id = life.world.quirks.hidden_customer_status == 200 and customer.id in life.known
            allowed = [true_places[customer.id] if is_shown_by_id else set()]
        elif life.is_drifting and customer.id not in life.known:
            allowed.append(set())  # nothing told of it before
        assert stored[customer.id] in allowed, (customer, stored[customer.id], allowed)


def kept_customers(life: RandomLife) -> set[int]:
    """Customers that the latest scan could not read."""
    rows = life.rows("select rows from members.page where account_id = :id and kind = 'kept'", id=life.id)
    return {row[0] for (page,) in rows for row in page}


def check_flows(life: RandomLife) -> None:
    """The flows of each day are the change of each size, but where a history began anew."""
    assert not life.rows(
        """
        with day as (
            select *, last_count - coalesce(lag(last_count) over sizes, 0) as change
            from amocrm.place_day
            where account_id = :id
            window sizes as (partition by is_stage, place_id order by observed_date)
        )
        select day.*, flow.net from day
        left join lateral (
            select sum(case when to_id = day.place_id then customers_count else 0 end
                - case when from_id = day.place_id then customers_count else 0 end) as net
            from analytics.place_flows_daily as flow
            where flow.account_id = :id and (flow.place = 'stage') = day.is_stage and flow.flow_date = day.observed_date
        ) as flow on true
        where not exists (
            select from amocrm.scan
            where account_id = :id
                and scan_date = day.observed_date
                and is_beginning
                and started_at > (select min(started_at) from amocrm.scan where account_id = :id)
        ) and (change <> joined_count - left_count or change <> coalesce(flow.net, 0)
            or least(joined_count, left_count) < 0 or last_count not between min_count and max_count)
        """,
        id=life.id,
    )


def check_spans(life: RandomLife) -> None:
    """Between two days that no beginning separates, flows of each place are the change of its size."""
    assert not life.rows(
        """
        with day as (
            select is_stage, place_id, last_count, one.started_at, one.era, one.scan_date
            from amocrm.place_day
            join (
                select distinct on (scan_date) *
                from (
                    select *, count(*) filter (where is_beginning) over (order by started_at) as era
                    from amocrm.scan
                    where account_id = :id
                ) as scan
                order by scan_date, started_at desc
            ) as one on one.scan_date = observed_date
            where place_day.account_id = :id
        ),

        latest as (
            select distinct on (is_stage, place_id) *
            from day
            order by is_stage, place_id, scan_date desc
        )

        select earlier.*, latest.*, flow.*
        from latest
        join day as earlier
            on (earlier.is_stage, earlier.place_id, earlier.era) = (latest.is_stage, latest.place_id, latest.era)
            and earlier.scan_date < latest.scan_date
        cross join lateral (
            select sum(joined_count) as joined_count, sum(left_count) as left_count, min(after_scan_date) as after_date,
                max(until_scan_date) as until_date
            from analytics.flows_between(
                :id, case when latest.is_stage then 'stage' else 'segment' end, latest.place_id,
                earlier.started_at, earlier.last_count, latest.started_at, latest.last_count
            )
        ) as flow
        where (flow.after_date, flow.until_date) is distinct from (earlier.scan_date, latest.scan_date)
            or flow.joined_count - flow.left_count <> latest.last_count - earlier.last_count
        """,
        id=life.id,
    )


def check_cohorts(life: RandomLife, stays: list[tuple[Any, ...]]) -> None:
    """Stays whose begin was seen are in cohorts, by month, and in durations."""
    ((begun_at,),) = life.rows(
        "select max(started_at) from amocrm.scan where account_id = :id and is_beginning", id=life.id
    )
    later = life.rows("select started_at from amocrm.scan where account_id = :id order by 1", id=life.id)
    begins_from = next((at for (at,) in later if at > begun_at), None)
    if begins_from is None:
        return
    stored = [(stay[1], stay[2], stay[6] is None) for stay in stays if stay[4] >= begins_from]
    counted = stored + [(stay[0], stay[1], False) for stay in life.folded if stay[2] >= begins_from]
    for table, count, expected in (
        ("stay_month", "customers_count", counted),
        ("stay_duration", "stay_count", stored),
    ):
        rows = life.rows(
            f"select is_stage, place_id, sum({count})::integer from amocrm.{table} where account_id = :id"
            " group by is_stage, place_id",
            id=life.id,
        )
        assert {row[:2]: row[2] for row in rows} == dict(Counter(stay[:2] for stay in expected)), table
    remained = life.rows(
        "select distinct on (place, place_id, entered_month) place = 'stage', place_id, entered_count, remained_count"
        " from analytics.cohorts where account_id = :id order by place, place_id, entered_month, month_number desc",
        id=life.id,
    )
    entered: Counter[tuple[bool, int]] = Counter()
    lasting: Counter[tuple[bool, int]] = Counter()
    for is_stage, place_id, entered_count, remained_count in remained:
        entered[is_stage, place_id] += entered_count
        lasting[is_stage, place_id] += remained_count
    assert entered == Counter(stay[:2] for stay in counted)
    assert lasting == Counter(stay[:2] for stay in counted if stay[2])


def check_differences(life: RandomLife, stays: list[tuple[Any, ...]]) -> None:
    """Each reason of a difference is true, and without reasons there are no differences."""
    latest = "(select max(started_at) from amocrm.scan where account_id = :id)"
    rows = life.rows(
        "select segment_id, count_before, count_after, member_count, kept_count, reason"
        f" from amocrm.member_difference where account_id = :id and started_at = {latest}",
        id=life.id,
    )
    ((started_at, forgotten_count),) = life.rows(
        f"select started_at, forgotten_count from amocrm.scan where account_id = :id and started_at = {latest}",
        id=life.id,
    )
    book, account = life.world.book(life.id), life.world.account(life.id)
    counted_from = started_at - timedelta(seconds=life.world.quirks.size_lag_seconds)
    moved = {
        one.place_id
        for one in book.stays()
        if one.kind == "segment" and max(one.entered_at, one.left_at or one.entered_at) >= counted_from
    }
    is_restless = life.is_drifting or any(at >= started_at for at in life.hidden_at.values())
    deleted = {one.id for one in account.segments.values() if one.deleted_at}
    hidden = {place for one in book.customers.values() if one.is_hidden for place in one.segments}
    stored = [(stay[0], stay[2]) for stay in stays if not stay[1] and stay[6] is None]
    kept_ids = kept_customers(life)
    kept = Counter(place for customer_id, place in stored if customer_id in kept_ids)
    for segment_id, before, after, member_count, kept_count, reason in rows:
        assert kept_count == kept[segment_id]
        more = member_count - (after or 0)
        is_true = {
            "changed": before != after and segment_id in moved | deleted,
            "kept": 0 < more <= kept_count,
            "stale": more > 0 and segment_id in moved,
            "forgotten": 0 < -more <= forgotten_count,
            "hidden_or_missed": more < 0 and (segment_id in moved | hidden or is_restless),
            "not_listed": before is None and after is None and member_count > 0,
        }
        assert is_true[reason], (segment_id, before, after, member_count, kept_count, reason)
    if account.mode != "segments":
        return
    members = Counter(place for _, place in stored)
    for segment in account.live_segments():
        if segment.id not in {row[0] for row in rows} | moved:
            assert members[segment.id] == segment.customers_count


def check_events(life: RandomLife) -> None:
    """Each event is counted once, and those of customers that were read explain their moves."""
    scans = life.rows(
        "select stage_change_count, explained_count, kept_count, are_events_complete, events_from, events_until,"
        " forgotten_count from amocrm.scan where account_id = :id order by started_at",
        id=life.id,
    )
    assert all(change >= explained for change, explained, *_ in scans)
    changes, explained, _, is_complete, since, until, forgotten_count = scans[-1]
    if forgotten_count:
        return
    quirks = life.world.quirks
    are_shown = not quirks.missing_event_share and quirks.events_kept_days is None
    if are_shown and is_complete and not any(kept_count for _, _, kept_count, *_ in scans[:-1]):
        assert changes == explained
    moves = [
        int(one.at.timestamp())
        for one in life.world.book(life.id).events
        if one.type == "customer_status_changed" and not one.is_missing
    ]
    ((count,),) = life.rows(
        "select coalesce(sum(customers_count), 0)::integer from amocrm.stage_move where account_id = :id", id=life.id
    )
    shown = [at for at in moves if since.timestamp() <= at < until.timestamp()]
    assert count <= len(shown)
    assert count == len(shown) or quirks.events_kept_days is not None or not all(one[3] for one in scans)


def check_pages(life: RandomLife) -> None:
    """Only the pages of the latest scan are left, and no forgotten customer is in them or open."""
    assert life.rows("select distinct started_at from members.page where account_id = :id", id=life.id) in (
        life.rows("select max(started_at) from amocrm.scan where account_id = :id", id=life.id),
        [],
    )
    pages = life.rows("select rows from members.page where account_id = :id and kind <> 'sizes'", id=life.id)
    assert not {row[0] for (page,) in pages for row in page} & life.forgotten


def check_members_as_of(life: RandomLife, stays: list[tuple[Any, ...]]) -> None:
    """At the instants of a few bounds, certain members are members, or left and came back unseen."""
    truth = true_stays(life)
    bounds = sorted({one for stay in stays for one in stay[3:7] if one is not None})
    for instant in (*bounds[:: max(1, len(bounds) // 3)], life.emulator.clock.now()):
        rows = life.rows(
            "select customer_id, place = 'stage', place_id from members.members_as_of(:id, :instant) where is_certain",
            id=life.id,
            instant=instant,
        )
        for place in (row for row in rows if row[0] < FORGOTTEN_FROM):
            has_entered = any(one.entered_at <= instant for one in truth[place])
            is_there_later = any((one.left_at or instant) >= instant for one in truth[place])
            assert has_entered and is_there_later, (place, instant, truth[place])  # noqa: PT018 - one claim
