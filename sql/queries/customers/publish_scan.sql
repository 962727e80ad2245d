-- name: forgotten_count
select count(*)
from members.forgotten
where account_id = :account_id

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
