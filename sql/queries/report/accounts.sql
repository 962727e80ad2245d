-- name: report_accounts
-- One row per account that was ever loaded, by key: its state, its largest segment with the sizes of the last days, oldest
-- first, and the segment whose size changed most within 7 days. Null without segments.
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
    trends.segment_count,
    (select count(*) from analytics.stages as stage where stage.account_id = fresh.account_id) as stage_count,
    (trends.largest).segment_id,
    (trends.largest).name as segment_name,
    (trends.largest).customers_count,
    (trends.largest).change_7_days,
    (trends.largest).change_30_days,
    sizes.last_counts,
    (trends.mover).segment_id as mover_id,
    (trends.mover).name as mover_name,
    (trends.mover).change_7_days as mover_change
from analytics.freshness as fresh
join amocrm.account using (account_id)
cross join lateral (
    select
        count(*) as segment_count,
        (array_agg(trend order by trend.customers_count desc nulls last, trend.segment_id))[1] as largest,
        (
            array_agg(trend order by abs(trend.change_7_days) desc, trend.segment_id)
            filter (where trend.change_7_days <> 0)
        )[1] as mover
    from analytics.segment_trends as trend
    where trend.account_id = fresh.account_id
) as trends
cross join lateral (
    select array_agg(daily.last_count order by day.days_ago desc) as last_counts
    from generate_series(0, cast(:days as integer) - 1) as day (days_ago)
    left join analytics.segment_sizes_daily as daily
        on daily.account_id = fresh.account_id
        and daily.segment_id = (trends.largest).segment_id
        and daily.observed_date = fresh.observed_date - day.days_ago
) as sizes
order by fresh.account_key

-- name: report_never_loaded
-- The last error of each account that was never loaded, by its key in the settings.
select distinct on (failure.account_key) failure.account_key, failure.message
from amocrm.load_failure as failure
where not exists (select from amocrm.account where account.account_key = failure.account_key)
order by failure.account_key, failure.started_at desc
