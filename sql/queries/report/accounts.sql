-- name: report_accounts
-- One row per account that was ever loaded, by key: its state, its largest segment with the sizes of
-- the last days, oldest first, and the segment whose size changed most within 7 days. In the mode of
-- stages, these are stages, if there are scans of customers. Null without sizes.
with trend as (
    select account.account_id, one.segment_id as place_id, one.name, one.customers_count, one.change_7_days, one.change_30_days
    from amocrm.account
    join analytics.segment_trends as one using (account_id)
    where account.customers_mode <> 'periodicity'
    union all
    select account.account_id, one.stage_id, one.name, one.customers_count, one.change_7_days, one.change_30_days
    from amocrm.account
    join analytics.stage_trends as one using (account_id)
    where account.customers_mode = 'periodicity'
),

largest as (
    select distinct on (account_id) *
    from trend
    order by account_id, customers_count desc nulls last, place_id
),

mover as (
    select distinct on (account_id) *
    from trend
    where change_7_days <> 0
    order by account_id, abs(change_7_days) desc, place_id
)

select
    fresh.account_key,
    fresh.name,
    fresh.customers_mode,
    fresh.timezone,
    account.country,
    fresh.observed_at,
    fresh.observed_date,
    fresh.is_late,
    fresh.failure_count,
    fresh.last_message,
    (select count(*) from amocrm.segment_current as segment where segment.account_id = fresh.account_id) as segment_count,
    (select count(*) from analytics.stages as stage where stage.account_id = fresh.account_id) as stage_count,
    largest.place_id,
    largest.name as place_name,
    largest.customers_count,
    largest.change_7_days,
    largest.change_30_days,
    sizes.last_counts,
    mover.place_id as mover_id,
    mover.name as mover_name,
    mover.change_7_days as mover_change
from analytics.freshness as fresh
join amocrm.account using (account_id)
left join largest using (account_id)
left join mover using (account_id)
cross join lateral (
    select array_agg(daily.last_count order by day.days_ago desc) as last_counts
    from generate_series(0, cast(:days as integer) - 1) as day (days_ago)
    left join lateral (
        select segment.last_count
        from analytics.segment_sizes_daily as segment
        where fresh.customers_mode <> 'periodicity'
            and segment.account_id = fresh.account_id
            and segment.segment_id = largest.place_id
            and segment.observed_date = fresh.observed_date - day.days_ago
        union all
        select stage.last_count
        from analytics.stage_sizes_daily as stage
        where fresh.customers_mode = 'periodicity'
            and stage.account_id = fresh.account_id
            and stage.stage_id = largest.place_id
            and stage.observed_date = fresh.observed_date - day.days_ago
    ) as daily on true
) as sizes
order by fresh.account_key

-- name: report_never_loaded
-- The last error of each account that was never loaded, by its key in the settings.
select distinct on (failure.account_key) failure.account_key, failure.message
from amocrm.load_failure as failure
where not exists (select from amocrm.account where account.account_key = failure.account_key)
order by failure.account_key, failure.started_at desc
