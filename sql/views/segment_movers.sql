create or replace view analytics.segment_movers as
select
    trend.account_id,
    span.days,
    span.direction,
    rank() over (
        partition by trend.account_id, span.days, span.direction order by abs(span.change_count) desc
    ) as place,
    trend.segment_id,
    trend.name,
    span.before_at,
    trend.observed_at,
    span.before_count,
    trend.customers_count,
    span.change_count,
    span.change_percent
from analytics.segment_trends as trend
cross join lateral (
    select
        one.*,
        case when one.change_count > 0 then 'up' else 'down' end as direction
    from (
        values
            (1, trend.observed_1_day_ago_at, trend.count_1_day_ago, trend.change_1_day, trend.change_1_day_percent),
            (7, trend.observed_7_days_ago_at, trend.count_7_days_ago, trend.change_7_days, trend.change_7_days_percent),
            (
                30, trend.observed_30_days_ago_at, trend.count_30_days_ago,
                trend.change_30_days, trend.change_30_days_percent
            ),
            (
                90, trend.observed_90_days_ago_at, trend.count_90_days_ago,
                trend.change_90_days, trend.change_90_days_percent
            )
    ) as one (days, before_at, before_count, change_count, change_percent)
    where one.change_count <> 0
) as span;

comment on view analytics.segment_movers is 'One row per segment and span of 1, 7, 30 or 90 days in which its size changed, ranked by growth and shrinkage. Segments that were added or deleted in the span are in changes instead.';
comment on column analytics.segment_movers.account_id is 'The account.';
comment on column analytics.segment_movers.days is 'The span: 1, 7, 30 or 90 days of the account.';
comment on column analytics.segment_movers.direction is 'up for growth, down for shrinkage.';
comment on column analytics.segment_movers.place is 'Rank in the account''s segments of the same span and direction, 1 for the largest change in customers; equal changes share a rank.';
comment on column analytics.segment_movers.segment_id is 'amoCRM''s id of the segment.';
comment on column analytics.segment_movers.name is 'Name now.';
comment on column analytics.segment_movers.before_at is 'The snapshot at the start of the span: the last of that day, or of the nearest earlier day with a snapshot.';
comment on column analytics.segment_movers.observed_at is 'The account''s latest snapshot, the end of the span.';
comment on column analytics.segment_movers.before_count is 'Size at the start of the span.';
comment on column analytics.segment_movers.customers_count is 'Current size.';
comment on column analytics.segment_movers.change_count is 'Current size minus the size then.';
comment on column analytics.segment_movers.change_percent is 'The change in percent of the size then, to one decimal. Null if that was 0.';
