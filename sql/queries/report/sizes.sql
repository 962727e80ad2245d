-- name: report_segments
-- Segments of an account's latest snapshot, largest first.
select
    segment_id as place_id,
    name,
    customers_count,
    share_percent,
    change_1_day,
    change_7_days,
    change_7_days_percent,
    change_30_days,
    change_30_days_percent
from analytics.segment_trends
where account_id = :account_id
order by customers_count desc nulls last, segment_id

-- name: report_days
-- Daily sizes of an account's current segments from a day on, oldest first.
select daily.segment_id as place_id, daily.observed_date as date, daily.last_count as size, daily.is_observed
from analytics.segment_sizes_daily as daily
join amocrm.segment_current as segment using (account_id, segment_id)
where daily.account_id = :account_id and daily.observed_date >= :first_date
order by daily.segment_id, daily.observed_date

-- name: report_stage_sizes
-- Sizes of an account's current stages in the latest scan, largest first.
select
    trend.stage_id as place_id,
    stage.name,
    trend.customers_count,
    trend.share_percent,
    trend.change_1_day,
    trend.change_7_days,
    trend.change_7_days_percent,
    trend.change_30_days,
    trend.change_30_days_percent
from analytics.stage_trends as trend
join analytics.stages as stage using (account_id, stage_id)
where trend.account_id = :account_id
order by trend.customers_count desc nulls last, trend.stage_id

-- name: report_stage_days
-- Daily sizes of an account's current stages from a day on, oldest first.
select daily.stage_id as place_id, daily.observed_date as date, daily.last_count as size, daily.is_observed
from analytics.stage_sizes_daily as daily
join analytics.stages as stage using (account_id, stage_id)
where daily.account_id = :account_id and daily.observed_date >= :first_date
order by daily.stage_id, daily.observed_date
