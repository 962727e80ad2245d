-- One row per segment: its size now, what became of it, and its sizes of the last days, oldest first; null on a day that
-- was not observed or before the segment was there.
select
    trend.name,
    trend.customers_count,
    trend.change_1_day,
    trend.change_7_days,
    trend.change_30_days,
    sizes.last_counts
from analytics.segment_trends as trend
join analytics.snapshots as newest using (account_id, observed_at)
cross join lateral (
    select array_agg(daily.last_count order by day.days_ago desc) as last_counts
    from generate_series(0, cast(:days as integer) - 1) as day (days_ago)
    left join analytics.segment_sizes_daily as daily
        on daily.account_id = trend.account_id
        and daily.segment_id = trend.segment_id
        and daily.observed_date = newest.observed_date - day.days_ago
) as sizes
where trend.account_id = :account_id
order by trend.customers_count desc nulls last, trend.name
