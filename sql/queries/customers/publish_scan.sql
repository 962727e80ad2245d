-- name: close_stays
update members.stay
set left_after = change.old_sent_at,
    left_by = change.received_at,
    end_reason = coalesce(change.gone_reason, 'left')
from pg_temp.change
where stay.account_id = :account_id
    and stay.customer_id = change.customer_id
    and stay.left_by is null
    and change.old_sent_at is not null
    and case
        when stay.is_stage then change.stage_id is distinct from stay.place_id
        else not stay.place_id = any (change.segment_ids)
    end

-- name: create_changes
-- Customers that are new, gone or elsewhere, as the previous and this scan read them. A customer that
-- is gone is nowhere.
create temporary table change on commit drop as
select
    new.customer_id,
    old.sent_at as old_sent_at,
    old.received_at as old_received_at,
    new.sent_at,
    new.received_at,
    old.stage_id as old_stage_id,
    coalesce(old.segment_ids, '{}') as old_segment_ids,
    case when not new.is_gone then new.stage_id end as stage_id,
    case when new.is_gone then '{}' else new.segment_ids end as segment_ids,
    case when new.is_gone then new.gone_reason end as gone_reason
from pg_temp.new_reading as new
left join pg_temp.old_reading as old using (customer_id)
where case
        when old.customer_id is null then not new.is_gone
        else new.is_gone or new.stage_id is distinct from old.stage_id or new.segment_ids <> old.segment_ids
    end

-- name: create_readings
-- Customers as the previous (old) and this scan (new) read them.
create temporary table reading (
    is_new boolean, customer_id bigint, is_gone boolean, stage_id bigint, segment_ids bigint[], sent_at timestamptz, received_at timestamptz,
    is_kept boolean, gone_reason text, ltv numeric, purchases_count numeric, average_check numeric, value jsonb
) on commit drop;
create temporary view new_reading as
select * from reading where is_new;
create temporary view old_reading as
select * from reading where not is_new

-- name: delete_overlaps
delete from amocrm.segment_overlap
where account_id = :account_id

-- name: delete_stay_durations
delete from amocrm.stay_duration
where account_id = :account_id

-- name: delete_stay_months
-- Folded stays are counted on, except after a restart: cohorts begin anew.
delete from amocrm.stay_month
where account_id = :account_id and (folded_count = 0 or :is_restart)

-- name: end_forgotten
-- The stays of forgotten customers end with the next scan.
insert into pg_temp.reading (is_new, customer_id, is_gone, segment_ids, sent_at, received_at, is_kept, gone_reason)
select true, old.customer_id, true, '{}', :started_at, :started_at, false, 'forgotten'
from pg_temp.old_reading as old
where old.customer_id >= :forgotten_from

-- name: first_known_begin
-- The begin of stays is known from the scan after the latest beginning on. A text, since Python has no infinite
-- timestamps.
select cast(coalesce(min(scan.started_at), 'infinity') as text)
from amocrm.scan
where scan.account_id = :account_id
    and scan.started_at > (
        select max(beginning.started_at)
        from amocrm.scan as beginning
        where beginning.account_id = :account_id and beginning.is_beginning
    )

-- name: forgotten_count
select count(*)
from members.forgotten
where account_id = :account_id

-- name: insert_denied_page
-- Customers that the scan before did not list either and that this one did not request: their turn has not come, or too
-- many are not listed.
insert into members.page (account_id, started_at, kind, number, sent_at, received_at, rows)
select
    :account_id, :started_at, 'denied',
    coalesce((select max(number) from members.page where account_id = :account_id and started_at = :started_at and kind = 'denied'), 0) + 1,
    :started_at, :started_at, jsonb_agg(jsonb_build_array(earlier.customer_id))
from (
    select cast(customer.value ->> 0 as bigint) as customer_id
    from members.page
    cross join jsonb_array_elements(page.rows) as customer (value)
    where page.account_id = :account_id and page.started_at = :previous and page.kind in ('by_id', 'denied')
    except
    select cast(customer.value ->> 0 as bigint)
    from members.page
    cross join jsonb_array_elements(page.rows) as customer (value)
    where page.account_id = :account_id and page.started_at = :started_at and page.kind = 'denied'
) as earlier
join pg_temp.new_reading as new using (customer_id)
where new.is_kept
having count(*) > 0

-- name: insert_differences
with size as (
    select
        cast(one.value ->> 0 as bigint) as segment_id,
        max(cast(one.value ->> 1 as bigint)) filter (where page.number = 1) as count_before,
        max(cast(one.value ->> 1 as bigint)) filter (where page.number = 2) as count_after
    from members.page
    cross join jsonb_array_elements(page.rows) as one (value)
    where page.account_id = :account_id and page.started_at = :started_at and page.kind = 'sizes' and page.number > 0
    group by 1
),

member as (
    select segment.segment_id, count(*) as member_count, count(*) filter (where new.is_kept) as kept_count
    from pg_temp.new_reading as new
    cross join unnest(new.segment_ids) as segment (segment_id)
    where not new.is_gone
    group by 1
),

compared as (
    select
        segment_id,
        size.segment_id is null as is_unlisted,
        size.count_before,
        size.count_after,
        coalesce(member.member_count, 0) as member_count,
        coalesce(member.kept_count, 0) as kept_count
    from size
    full join member using (segment_id)
)

insert into amocrm.member_difference (
    account_id, started_at, segment_id, count_before, count_after, member_count, kept_count, reason
)
select
    :account_id, :started_at, segment_id, count_before, count_after, member_count, kept_count,
    case
        when is_unlisted then 'not_listed'
        when count_before is distinct from count_after then 'changed'
        when member_count > count_after and member_count - count_after <= kept_count then 'kept'
        when member_count > count_after then 'stale'
        when count_after - member_count <= :forgotten_count then 'forgotten'
        else 'hidden_or_missed'
    end
from compared
where (count_before is distinct from member_count or count_after is distinct from member_count)
    and (is_unlisted or count_before is not null or count_after is not null)
    and :has_segments

-- name: insert_flows
-- None after all customers were forgotten: nobody knows who was there before. A customer that left one
-- segment and joined one moved between them; otherwise segments are left for nowhere and joined from
-- nowhere. Flows of an earlier scan of the day are added.
with moved as (
    select true as is_stage, coalesce(old_stage_id, 0) as from_id, coalesce(stage_id, 0) as to_id
    from pg_temp.change
    where not :is_restart and old_stage_id is distinct from stage_id
    union all
    select false, flow.from_id, flow.to_id
    from pg_temp.change
    cross join lateral (
        select
            array(select unnest(old_segment_ids) except select unnest(segment_ids)) as ended,
            array(select unnest(segment_ids) except select unnest(old_segment_ids)) as begun
    ) as difference
    cross join lateral (
        select difference.ended[1] as from_id, difference.begun[1] as to_id
        where cardinality(difference.ended) = 1 and cardinality(difference.begun) = 1
        union all
        select one.from_id, one.to_id
        from (
            select unnest(difference.ended) as from_id, 0 as to_id
            union all
            select 0, unnest(difference.begun)
        ) as one
        where cardinality(difference.ended) <> 1 or cardinality(difference.begun) <> 1
    ) as flow
    where not :is_restart
),

flow as (
    select is_stage, from_id, to_id, sum(customers_count) as customers_count
    from (
        select is_stage, from_id, to_id, 1 as customers_count
        from moved
        union all
        select day.is_stage, one.from_id, one.to_id, one.customers_count
        from amocrm.place_flow_day as day
        cross join lateral unnest(day.from_place_ids, day.to_place_ids, day.customers_counts) as one (from_id, to_id, customers_count)
        where day.account_id = :account_id and day.flow_date = :scan_date
    ) as one
    group by is_stage, from_id, to_id
)

insert into amocrm.place_flow_day (account_id, is_stage, flow_date, from_place_ids, to_place_ids, customers_counts)
select
    :account_id, is_stage, :scan_date,
    array_agg(from_id order by from_id, to_id), array_agg(to_id order by from_id, to_id), array_agg(customers_count order by from_id, to_id)
from flow
group by is_stage
on conflict (account_id, is_stage, flow_date) do update
set from_place_ids = excluded.from_place_ids,
    to_place_ids = excluded.to_place_ids,
    customers_counts = excluded.customers_counts

-- name: insert_overlaps
insert into amocrm.segment_overlap (account_id, segment_id, other_segment_id, customers_count)
select :account_id, one.segment_id, other.segment_id, count(*)
from pg_temp.new_reading as new
cross join unnest(new.segment_ids) as one (segment_id)
join lateral unnest(new.segment_ids) as other (segment_id) on other.segment_id > one.segment_id
where not new.is_gone
group by one.segment_id, other.segment_id

-- name: insert_place_days
-- Sizes of all places: of those with customers, those that had some in the previous scan (after a
-- restart, only its sizes are known), and the open stages and segments of the history.
with member as (
    select place.is_stage, place.place_id, count(*) as customers_count,
        sum(new.ltv) as ltv_sum, sum(new.purchases_count) as purchases_sum, sum(new.average_check) as average_check_sum
    from pg_temp.new_reading as new
    cross join lateral (
        select true as is_stage, new.stage_id as place_id
        where new.stage_id is not null
        union all
        select false, unnest(new.segment_ids)
    ) as place
    where not new.is_gone
    group by 1, 2
),

moved as (
    select is_stage, place_id, sum(joined_count) as joined_count, sum(left_count) as left_count
    from (
        select true as is_stage, stage_id as place_id, 1 as joined_count, 0 as left_count
        from pg_temp.change
        where stage_id is not null and old_stage_id is distinct from stage_id
        union all
        select true, old_stage_id, 0, 1
        from pg_temp.change
        where old_stage_id is not null and old_stage_id is distinct from stage_id
        union all
        select false, segment_id, 1, 0
        from pg_temp.change
        cross join unnest(segment_ids) as joined (segment_id)
        where segment_id <> all (old_segment_ids)
        union all
        select false, segment_id, 0, 1
        from pg_temp.change
        cross join unnest(old_segment_ids) as ended (segment_id)
        where segment_id <> all (segment_ids)
    ) as one
    where not :is_restart
    group by is_stage, place_id
),

place as (
    select is_stage, place_id from member
    union
    select is_stage, place_id from moved
    union
    select is_stage, place_id from amocrm.place_day
    where account_id = :account_id and observed_date = :previous_date and last_count > 0 and :is_restart
    union
    select true, stage_id from amocrm.stage_version where account_id = :account_id and valid_to is null
    union
    select false, segment_id from amocrm.segment_version where account_id = :account_id and valid_to is null
)

insert into amocrm.place_day as day (
    account_id, is_stage, place_id, observed_date, last_count, min_count, max_count, joined_count, left_count,
    ltv_sum, purchases_sum, average_check_sum
)
select
    :account_id, is_stage, place_id, :scan_date, coalesce(customers_count, 0), coalesce(customers_count, 0),
    coalesce(customers_count, 0), coalesce(joined_count, 0), coalesce(left_count, 0),
    coalesce(ltv_sum, 0), coalesce(purchases_sum, 0), coalesce(average_check_sum, 0)
from place
left join member using (is_stage, place_id)
left join moved using (is_stage, place_id)
on conflict (account_id, is_stage, place_id, observed_date) do update
set last_count = excluded.last_count,
    min_count = least(day.min_count, excluded.last_count),
    max_count = greatest(day.max_count, excluded.last_count),
    joined_count = day.joined_count + excluded.joined_count,
    left_count = day.left_count + excluded.left_count,
    ltv_sum = excluded.ltv_sum,
    purchases_sum = excluded.purchases_sum,
    average_check_sum = excluded.average_check_sum

-- name: insert_readings
-- The latest read of each customer of a scan. A forgotten customer is in the previous scan until its
-- stays have ended.
insert into pg_temp.reading
select *
from (
    select distinct on (2)
        cast(:is_new as boolean) as is_new,
        cast(customer.value ->> 0 as bigint) as customer_id,
        cast(customer.value ->> 1 as boolean) as is_gone,
        cast(customer.value ->> 2 as bigint),
        array(select cast(segment.value as bigint) from jsonb_array_elements(customer.value -> 3) as segment (value)),
        page.sent_at,
        page.received_at,
        page.kind = 'kept' and :is_new,
        coalesce(customer.value ->> 9, 'deleted'),
        cast(customer.value ->> 4 as numeric),
        cast(customer.value ->> 5 as numeric),
        cast(customer.value ->> 6 as numeric),
        customer.value
    from members.page
    cross join jsonb_array_elements(page.rows) as customer (value)
    where page.account_id = :account_id
        and page.started_at = :started_at
        and page.kind in ('list', 'by_id', 'kept')
    order by 2, page.received_at desc
) as latest
where (is_new or not is_gone)
    and (
        customer_id < :forgotten_from
        or (
            not is_new
            and exists (
                select from members.stay
                where stay.account_id = :account_id and stay.customer_id = latest.customer_id and stay.left_by is null
            )
        )
    )

-- name: insert_scan
-- Counts of the scan. Events explain a change of stage if they lead, one after the other, from the
-- stage of the previous read to that of this read.
with event as (
    select
        cast(one.value ->> 0 as bigint) as customer_id,
        to_timestamp(cast(one.value ->> 1 as bigint)) as moved_at,
        cast(one.value ->> 2 as bigint) as from_id,
        cast(one.value ->> 3 as bigint) as to_id,
        array[page.number, one.position] as list_position
    from members.page
    cross join jsonb_array_elements(page.rows) with ordinality as one (value, position)
    where page.account_id = :account_id and page.started_at = :started_at and page.kind = 'moves'
),

moved as (
    select *
    from pg_temp.change
    where old_stage_id is not null and stage_id is not null and old_stage_id <> stage_id
),

-- Events have whole seconds, so one of the second of a read may be from before or after it. Within a
-- second the list's order counts: the latest come first.
step as (
    select
        moved.customer_id, moved.old_stage_id, moved.stage_id, event.from_id, event.to_id,
        event.moved_at <= moved.old_received_at as may_be_before,
        event.moved_at >= date_trunc('second', moved.sent_at) as may_be_after,
        event.from_id is distinct from lag(event.to_id) over chain as is_break,
        row_number() over chain as position
    from moved
    join event
        on event.customer_id = moved.customer_id
        and event.moved_at >= date_trunc('second', moved.old_sent_at)
        and event.moved_at <= moved.received_at
    window chain as (partition by moved.customer_id order by event.moved_at, event.list_position desc)
),

chain as (
    select
        step.*,
        count(*) filter (where is_break) over until_here as run,
        count(*) filter (where not may_be_before) over until_here - (not may_be_before)::integer as required_before,
        count(*) filter (where not may_be_after) over (partition by customer_id)
        - count(*) filter (where not may_be_after) over until_here as required_after
    from step
    window until_here as (partition by customer_id order by position)
),

explained as (
    select distinct begun.customer_id
    from chain as begun
    join chain as ended
        on ended.customer_id = begun.customer_id and ended.run = begun.run and ended.position >= begun.position
    where begun.from_id = begun.old_stage_id
        and ended.to_id = ended.stage_id
        and begun.required_before = 0
        and ended.required_after = 0
)

insert into amocrm.scan (
    account_id, started_at, scan_date, customers_count, by_id_count, gone_count, kept_count, forgotten_count,
    request_count, duration_seconds, stage_change_count, explained_count, events_from, events_until,
    are_events_complete, is_beginning
)
select
    :account_id, :started_at, :scan_date,
    (select count(*) from pg_temp.new_reading where not is_gone),
    (select count(*) from members.page where account_id = :account_id and started_at = :started_at and kind = 'by_id'),
    (select count(*) from pg_temp.change where gone_reason is not null),
    (select count(*) from pg_temp.new_reading where is_kept),
    :forgotten_count,
    (
        select count(*)
        from members.page
        where account_id = :account_id and started_at = :started_at and kind <> 'kept' and not (kind = 'sizes' and number = 0)
    ),
    (
        select coalesce(extract(epoch from max(received_at) - :started_at), 0)
        from members.page
        where account_id = :account_id and started_at = :started_at and kind <> 'kept'
    ),
    (select count(*) from moved),
    (select count(*) from explained),
    :events_from,
    :events_until,
    :are_events_complete,
    :is_beginning

-- name: insert_stage_moves
-- Moves that events name, each once: those from stored_from to stored_until are stored.
insert into amocrm.stage_move as move (
    account_id, moved_date, from_stage_id, to_stage_id, user_id, customers_count, is_backfilled
)
select
    :account_id,
    amocrm.local_date(to_timestamp(cast(one.value ->> 1 as bigint)), array[cast(:timezone as text)]),
    cast(one.value ->> 2 as bigint),
    cast(one.value ->> 3 as bigint),
    cast(one.value ->> 4 as bigint),
    count(*),
    to_timestamp(cast(one.value ->> 1 as bigint)) < (select min(started_at) from amocrm.scan where account_id = :account_id)
from members.page
cross join jsonb_array_elements(page.rows) as one (value)
where page.account_id = :account_id
    and page.started_at = :started_at
    and page.kind = 'moves'
    and to_timestamp(cast(one.value ->> 1 as bigint)) >= :events_from
    and to_timestamp(cast(one.value ->> 1 as bigint)) < :events_until
    and not (
        to_timestamp(cast(one.value ->> 1 as bigint)) >= :stored_from
        and to_timestamp(cast(one.value ->> 1 as bigint)) < :stored_until
    )
group by 2, 3, 4, 5, 7
on conflict (account_id, moved_date, from_stage_id, to_stage_id, user_id, is_backfilled) do update
set customers_count = move.customers_count + excluded.customers_count

-- name: insert_stay_durations
insert into amocrm.stay_duration (account_id, is_stage, place_id, is_open, stay_count, median_seconds, p90_seconds)
select
    :account_id, is_stage, place_id, left_by is null, count(*),
    percentile_cont(0.5) within group (order by extract(epoch from greatest(coalesce(left_after, :started_at), entered_by) - entered_by)),
    percentile_cont(0.9) within group (order by extract(epoch from greatest(coalesce(left_after, :started_at), entered_by) - entered_by))
from members.stay
where account_id = :account_id and entered_by >= cast(:begins_from as timestamptz)
group by is_stage, place_id, left_by is null

-- name: insert_stay_months
-- Folded stays are added.
insert into amocrm.stay_month (account_id, is_stage, place_id, entered_month, left_month, customers_count)
select :account_id, is_stage, place_id, entered_month, left_month, sum(customers_count)
from (
    select
        is_stage, place_id,
        date_trunc('month', timezone(cast(:timezone as text), entered_by)) as entered_month,
        coalesce(date_trunc('month', timezone(cast(:timezone as text), left_by)), 'infinity') as left_month,
        1 as customers_count
    from members.stay
    where account_id = :account_id and entered_by >= cast(:begins_from as timestamptz)
    union all
    select is_stage, place_id, entered_month, left_month, folded_count
    from amocrm.stay_month
    where account_id = :account_id and folded_count > 0
) as one
group by is_stage, place_id, entered_month, left_month
on conflict (account_id, is_stage, place_id, entered_month, left_month) do update
set customers_count = excluded.customers_count

-- name: insert_kept_pages
-- The kept customers, for the comparison of the next scan.
insert into members.page (account_id, started_at, kind, number, sent_at, received_at, rows)
select
    :account_id, :started_at, 'kept', row_number() over (order by sent_at, received_at), sent_at, received_at, jsonb_agg(value)
from pg_temp.new_reading
where is_kept
group by sent_at, received_at

-- name: keep_unread
-- Known customers that this scan could not read stay where they were.
insert into pg_temp.reading
select
    true, customer_id, false, stage_id, segment_ids, sent_at, received_at, true, null, ltv, purchases_count, average_check, value
from pg_temp.old_reading as old
where old.customer_id < :forgotten_from
    and not exists (select from pg_temp.new_reading as new where new.customer_id = old.customer_id)

-- name: open_stays
insert into members.stay (account_id, customer_id, place_id, entered_after, entered_by, is_stage)
select :account_id, customer_id, stage_id, old_sent_at, received_at, true
from pg_temp.change
where stage_id is not null and stage_id is distinct from old_stage_id
union all
select :account_id, change.customer_id, segment_id, change.old_sent_at, change.received_at, false
from pg_temp.change
cross join unnest(change.segment_ids) as joined (segment_id)
where segment_id <> all (change.old_segment_ids)

-- name: timezone_of_account
-- The account's timezone as the server knows it; UTC if it knows none.
select amocrm.known_timezone(array[timezone, database_timezone, 'UTC'])
from amocrm.account
where account_id = :account_id

-- name: published_scan
select
    customers_count, by_id_count, gone_count, kept_count, request_count, duration_seconds, stage_change_count,
    explained_count,
    (
        select count(*)
        from amocrm.member_difference as difference
        where difference.account_id = scan.account_id and difference.started_at = scan.started_at
    ) as difference_count
from amocrm.scan
where account_id = :account_id and started_at = :started_at
