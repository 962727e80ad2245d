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

-- name: delete_stay_months
-- Folded stays are counted on, except after a restart: cohorts begin anew.
delete from amocrm.stay_month
where account_id = :account_id and (folded_count = 0 or :is_restart)

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

-- name: delete_stay_durations
delete from amocrm.stay_duration
where account_id = :account_id

-- name: insert_stay_durations
insert into amocrm.stay_duration (account_id, is_stage, place_id, is_open, stay_count, median_seconds, p90_seconds)
select
    :account_id, is_stage, place_id, left_by is null, count(*),
    percentile_cont(0.5) within group (order by extract(epoch from greatest(coalesce(left_after, :started_at), entered_by) - entered_by)),
    percentile_cont(0.9) within group (order by extract(epoch from greatest(coalesce(left_after, :started_at), entered_by) - entered_by))
from members.stay
where account_id = :account_id and entered_by >= cast(:begins_from as timestamptz)
group by is_stage, place_id, left_by is null
