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

-- name: keep_unread
-- Known customers that this scan could not read stay where they were.
insert into pg_temp.reading
select
    true, customer_id, false, stage_id, segment_ids, sent_at, received_at, true, null, ltv, purchases_count, average_check, value
from pg_temp.old_reading as old
where old.customer_id < :forgotten_from
    and not exists (select from pg_temp.new_reading as new where new.customer_id = old.customer_id)

-- name: end_forgotten
-- The stays of forgotten customers end with the next scan.
insert into pg_temp.reading (is_new, customer_id, is_gone, segment_ids, sent_at, received_at, is_kept, gone_reason)
select true, old.customer_id, true, '{}', :started_at, :started_at, false, 'forgotten'
from pg_temp.old_reading as old
where old.customer_id >= :forgotten_from

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

-- name: insert_kept_pages
-- The kept customers, for the comparison of the next scan.
insert into members.page (account_id, started_at, kind, number, sent_at, received_at, rows)
select
    :account_id, :started_at, 'kept', row_number() over (order by sent_at, received_at), sent_at, received_at, jsonb_agg(value)
from pg_temp.new_reading
where is_kept
group by sent_at, received_at

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
