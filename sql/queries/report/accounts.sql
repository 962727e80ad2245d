-- name: report_accounts
-- One row per account that was ever loaded, by key: its state, its largest segment with the sizes of
-- the last days, oldest first, and the segment whose size changed most within 7 days. In the mode of
-- stages, these are stages, if there are scans of customers. Null without sizes.
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
    (trends.largest).place_id,
    (trends.largest).name as place_name,
    (trends.largest).customers_count,
    (trends.largest).change_7_days,
    (trends.largest).change_30_days,
    sizes.last_counts,
    (trends.mover).place_id as mover_id,
    (trends.mover).name as mover_name,
    (trends.mover).change_7_days as mover_change
from analytics.freshness as fresh
join amocrm.account using (account_id)
cross join lateral (
    select
        (array_agg(trend order by trend.customers_count desc nulls last, trend.place_id))[1] as largest,
        (
            array_agg(trend order by abs(trend.change_7_days) desc, trend.place_id)
            filter (where trend.change_7_days <> 0)
        )[1] as mover
    from (
        select segment.segment_id as place_id, segment.name, segment.customers_count, segment.change_7_days, segment.change_30_days
        from analytics.segment_trends as segment
        where segment.account_id = fresh.account_id and fresh.customers_mode <> 'periodicity'
        union all
        select stage.stage_id, stage.name, stage.customers_count, stage.change_7_days, stage.change_30_days
        from analytics.stage_trends as stage
        where stage.account_id = fresh.account_id and fresh.customers_mode = 'periodicity'
    ) as trend
) as trends
cross join lateral (
    select array_agg(daily.last_count order by day.days_ago desc) as last_counts
    from generate_series(0, cast(:days as integer) - 1) as day (days_ago)
    left join lateral (
        select segment.last_count
        from analytics.segment_sizes_daily as segment
        where fresh.customers_mode <> 'periodicity'
            and segment.account_id = fresh.account_id
            and segment.segment_id = (trends.largest).place_id
            and segment.observed_date = fresh.observed_date - day.days_ago
        union all
        select stage.last_count
        from analytics.stage_sizes_daily as stage
        where fresh.customers_mode = 'periodicity'
            and stage.account_id = fresh.account_id
            and stage.stage_id = (trends.largest).place_id
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
