create or replace view analytics.segment_trends as
select
    segment.account_id,
    segment.segment_id,
    (
        select version.name
        from amocrm.segment_version as version
        where version.account_id = segment.account_id and version.segment_id = segment.segment_id
        order by version.valid_from desc
        limit 1
    ) as name,
    newest.observed_at,
    segment.customers_count,
    observed.day_1 as observed_1_day_ago_at,
    previous.day_1 as count_1_day_ago,
    segment.customers_count - previous.day_1 as change_1_day,
    round(100.0 * (segment.customers_count - previous.day_1) / nullif(previous.day_1, 0), 1)
        as change_1_day_percent,
    observed.day_7 as observed_7_days_ago_at,
    previous.day_7 as count_7_days_ago,
    segment.customers_count - previous.day_7 as change_7_days,
    round(100.0 * (segment.customers_count - previous.day_7) / nullif(previous.day_7, 0), 1)
        as change_7_days_percent,
    observed.day_30 as observed_30_days_ago_at,
    previous.day_30 as count_30_days_ago,
    segment.customers_count - previous.day_30 as change_30_days,
    round(100.0 * (segment.customers_count - previous.day_30) / nullif(previous.day_30, 0), 1)
        as change_30_days_percent,
    observed.day_90 as observed_90_days_ago_at,
    previous.day_90 as count_90_days_ago,
    segment.customers_count - previous.day_90 as change_90_days,
    round(100.0 * (segment.customers_count - previous.day_90) / nullif(previous.day_90, 0), 1)
        as change_90_days_percent,
    rank() over (partition by segment.account_id order by segment.customers_count desc nulls last) as size_rank,
    round(
        100.0 * segment.customers_count / nullif(sum(segment.customers_count) over (partition by segment.account_id), 0), 1
    ) as share_percent
from amocrm.account
cross join lateral (
    select ledger.observed_at, ledger.observed_date
    from amocrm.snapshot as ledger
    where ledger.account_id = account.account_id
    order by ledger.observed_at desc
    limit 1
) as newest
-- Days come from the ledger, which has each day in the account's timezone at that time.
cross join lateral (
    select
        max(before.observed_at) filter (where span.days = 1) as day_1,
        max(before.observed_at) filter (where span.days = 7) as day_7,
        max(before.observed_at) filter (where span.days = 30) as day_30,
        max(before.observed_at) filter (where span.days = 90) as day_90
    from unnest(array[1, 7, 30, 90]) as span (days)
    cross join lateral (
        select ledger.observed_at
        from amocrm.snapshot as ledger
        where ledger.account_id = account.account_id and ledger.observed_date <= newest.observed_date - span.days
        order by ledger.observed_at desc
        limit 1
    ) as before
) as observed
join amocrm.segment_current as segment using (account_id)
cross join lateral (
    select
        max(before.customers_count) filter (where span.days = 1) as day_1,
        max(before.customers_count) filter (where span.days = 7) as day_7,
        max(before.customers_count) filter (where span.days = 30) as day_30,
        max(before.customers_count) filter (where span.days = 90) as day_90
    from unnest(
        array[1, 7, 30, 90], array[observed.day_1, observed.day_7, observed.day_30, observed.day_90]
    ) as span (days, observed_at)
    cross join lateral (
        select size.customers_count
        from amocrm.segment_size as size
        where size.account_id = segment.account_id
            and size.segment_id = segment.segment_id
            and size.observed_at <= span.observed_at
        order by size.observed_at desc
        limit 1
    ) as before
) as previous;

comment on view analytics.segment_trends is 'One row per segment of the account''s latest snapshot: its current size compared with 1, 7, 30 and 90 days before, in the account''s days.';
comment on column analytics.segment_trends.account_id is 'The account.';
comment on column analytics.segment_trends.segment_id is 'amoCRM''s id of the segment.';
comment on column analytics.segment_trends.name is 'Name now.';
comment on column analytics.segment_trends.observed_at is 'The account''s latest snapshot, which has the current size.';
comment on column analytics.segment_trends.customers_count is 'Current size. Null while amoCRM gives no usable number.';
comment on column analytics.segment_trends.observed_1_day_ago_at is 'The last snapshot of the day 1 day before the latest observed day, or of the nearest earlier day with a snapshot. Null if there was no snapshot yet.';
comment on column analytics.segment_trends.count_1_day_ago is 'Size in that snapshot. Null if the segment did not exist or amoCRM gave no usable number.';
comment on column analytics.segment_trends.change_1_day is 'Current size minus that size. Null if one of them is null.';
comment on column analytics.segment_trends.change_1_day_percent is 'The change in percent of that size, to one decimal. Null if that size is null or 0.';
comment on column analytics.segment_trends.observed_7_days_ago_at is 'The last snapshot of the day 7 days before the latest observed day, or of the nearest earlier day with a snapshot. Null if there was no snapshot yet.';
comment on column analytics.segment_trends.count_7_days_ago is 'Size in that snapshot. Null if the segment did not exist or amoCRM gave no usable number.';
comment on column analytics.segment_trends.change_7_days is 'Current size minus that size. Null if one of them is null.';
comment on column analytics.segment_trends.change_7_days_percent is 'The change in percent of that size, to one decimal. Null if that size is null or 0.';
comment on column analytics.segment_trends.observed_30_days_ago_at is 'The last snapshot of the day 30 days before the latest observed day, or of the nearest earlier day with a snapshot. Null if there was no snapshot yet.';
comment on column analytics.segment_trends.count_30_days_ago is 'Size in that snapshot. Null if the segment did not exist or amoCRM gave no usable number.';
comment on column analytics.segment_trends.change_30_days is 'Current size minus that size. Null if one of them is null.';
comment on column analytics.segment_trends.change_30_days_percent is 'The change in percent of that size, to one decimal. Null if that size is null or 0.';
comment on column analytics.segment_trends.observed_90_days_ago_at is 'The last snapshot of the day 90 days before the latest observed day, or of the nearest earlier day with a snapshot. Null if there was no snapshot yet.';
comment on column analytics.segment_trends.count_90_days_ago is 'Size in that snapshot. Null if the segment did not exist or amoCRM gave no usable number.';
comment on column analytics.segment_trends.change_90_days is 'Current size minus that size. Null if one of them is null.';
comment on column analytics.segment_trends.change_90_days_percent is 'The change in percent of that size, to one decimal. Null if that size is null or 0.';
comment on column analytics.segment_trends.size_rank is 'Rank in the account''s segments by current size, 1 for the largest; equal sizes share a rank.';
comment on column analytics.segment_trends.share_percent is 'Current size in percent of the sum of all sizes. Segments overlap, so this is not a share of customers.';
