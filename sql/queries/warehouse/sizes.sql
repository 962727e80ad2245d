-- name: segment_days
-- Segments of an account's latest snapshot, largest first, with their last days, oldest first.
select
    segment.segment_id,
    segment.name,
    segment.customers_count,
    segment.change_1_day,
    segment.change_7_days,
    segment.change_30_days,
    daily.observed_date,
    daily.last_count
from analytics.segment_trends as segment
join analytics.snapshots as newest using (account_id, observed_at)
join analytics.segment_sizes_daily as daily
    on daily.account_id = segment.account_id
    and daily.segment_id = segment.segment_id
    and daily.observed_date > newest.observed_date - cast(:days as integer)
where segment.account_id = :account_id
order by segment.customers_count desc nulls last, segment.segment_id, daily.observed_date
