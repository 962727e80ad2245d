create or replace view analytics.segment_trends as
select
    segment.account_id,
    segment.segment_id,
    version.name,
    newest.observed_at,
    segment.customers_count,
    day_1.observed_at as observed_1_day_ago_at,
    ago_1.customers_count as count_1_day_ago,
    segment.customers_count - ago_1.customers_count as change_1_day,
    round(100.0 * (segment.customers_count - ago_1.customers_count) / nullif(ago_1.customers_count, 0), 1)
        as change_1_day_percent,
    day_7.observed_at as observed_7_days_ago_at,
    ago_7.customers_count as count_7_days_ago,
    segment.customers_count - ago_7.customers_count as change_7_days,
    round(100.0 * (segment.customers_count - ago_7.customers_count) / nullif(ago_7.customers_count, 0), 1)
        as change_7_days_percent,
    day_30.observed_at as observed_30_days_ago_at,
    ago_30.customers_count as count_30_days_ago,
    segment.customers_count - ago_30.customers_count as change_30_days,
    round(100.0 * (segment.customers_count - ago_30.customers_count) / nullif(ago_30.customers_count, 0), 1)
        as change_30_days_percent,
    day_90.observed_at as observed_90_days_ago_at,
    ago_90.customers_count as count_90_days_ago,
    segment.customers_count - ago_90.customers_count as change_90_days,
    round(100.0 * (segment.customers_count - ago_90.customers_count) / nullif(ago_90.customers_count, 0), 1)
        as change_90_days_percent,
    rank() over (partition by segment.account_id order by segment.customers_count desc nulls last) as size_rank,
    round(
        100.0 * segment.customers_count / nullif(sum(segment.customers_count) over (partition by segment.account_id), 0), 1
    ) as share_percent
from amocrm.account
cross join lateral (
    select snapshot.observed_at, snapshot.observed_date
    from amocrm.snapshot
    where snapshot.account_id = account.account_id
    order by snapshot.observed_at desc
    limit 1
) as newest
-- Days are those of the ledger, so that each is the one that the account's timezone made of it at that time.
left join lateral (
    select snapshot.observed_at
    from amocrm.snapshot
    where snapshot.account_id = account.account_id and snapshot.observed_date <= newest.observed_date - 1
    order by snapshot.observed_at desc
    limit 1
) as day_1 on true
left join lateral (
    select snapshot.observed_at
    from amocrm.snapshot
    where snapshot.account_id = account.account_id and snapshot.observed_date <= newest.observed_date - 7
    order by snapshot.observed_at desc
    limit 1
) as day_7 on true
left join lateral (
    select snapshot.observed_at
    from amocrm.snapshot
    where snapshot.account_id = account.account_id and snapshot.observed_date <= newest.observed_date - 30
    order by snapshot.observed_at desc
    limit 1
) as day_30 on true
left join lateral (
    select snapshot.observed_at
    from amocrm.snapshot
    where snapshot.account_id = account.account_id and snapshot.observed_date <= newest.observed_date - 90
    order by snapshot.observed_at desc
    limit 1
) as day_90 on true
join amocrm.segment_current as segment using (account_id)
join amocrm.segment_version as version using (account_id, segment_id, valid_from)
left join lateral (
    select size.customers_count
    from amocrm.segment_size as size
    where size.account_id = segment.account_id
        and size.segment_id = segment.segment_id
        and size.observed_at <= day_1.observed_at
    order by size.observed_at desc
    limit 1
) as ago_1 on true
left join lateral (
    select size.customers_count
    from amocrm.segment_size as size
    where size.account_id = segment.account_id
        and size.segment_id = segment.segment_id
        and size.observed_at <= day_7.observed_at
    order by size.observed_at desc
    limit 1
) as ago_7 on true
left join lateral (
    select size.customers_count
    from amocrm.segment_size as size
    where size.account_id = segment.account_id
        and size.segment_id = segment.segment_id
        and size.observed_at <= day_30.observed_at
    order by size.observed_at desc
    limit 1
) as ago_30 on true
left join lateral (
    select size.customers_count
    from amocrm.segment_size as size
    where size.account_id = segment.account_id
        and size.segment_id = segment.segment_id
        and size.observed_at <= day_90.observed_at
    order by size.observed_at desc
    limit 1
) as ago_90 on true;

comment on view analytics.segment_trends is 'One row per segment that the account''s newest snapshot saw: its size now against 1, 7, 30 and 90 days before, in the account''s days.';
comment on column analytics.segment_trends.account_id is 'The account.';
comment on column analytics.segment_trends.segment_id is 'amoCRM''s id of the segment.';
comment on column analytics.segment_trends.name is 'Name now.';
comment on column analytics.segment_trends.observed_at is 'The account''s newest snapshot: the instant that now means.';
comment on column analytics.segment_trends.customers_count is 'Customers in the segment now. Null while amoCRM gives no usable number.';
comment on column analytics.segment_trends.observed_1_day_ago_at is 'The last snapshot of the day that lies 1 day before the newest observed one; of an earlier day where that one has none. Null when nothing had been observed yet.';
comment on column analytics.segment_trends.count_1_day_ago is 'Size in that snapshot. Null when the segment was not there, or amoCRM gave no usable number.';
comment on column analytics.segment_trends.change_1_day is 'Size now minus that size. Null when one of them is.';
comment on column analytics.segment_trends.change_1_day_percent is 'The same in percent of that size, to one decimal. Null when that size is null or 0.';
comment on column analytics.segment_trends.observed_7_days_ago_at is 'The last snapshot of the day that lies 7 days before the newest observed one; of an earlier day where that one has none. Null when nothing had been observed yet.';
comment on column analytics.segment_trends.count_7_days_ago is 'Size in that snapshot. Null when the segment was not there, or amoCRM gave no usable number.';
comment on column analytics.segment_trends.change_7_days is 'Size now minus that size. Null when one of them is.';
comment on column analytics.segment_trends.change_7_days_percent is 'The same in percent of that size, to one decimal. Null when that size is null or 0.';
comment on column analytics.segment_trends.observed_30_days_ago_at is 'The last snapshot of the day that lies 30 days before the newest observed one; of an earlier day where that one has none. Null when nothing had been observed yet.';
comment on column analytics.segment_trends.count_30_days_ago is 'Size in that snapshot. Null when the segment was not there, or amoCRM gave no usable number.';
comment on column analytics.segment_trends.change_30_days is 'Size now minus that size. Null when one of them is.';
comment on column analytics.segment_trends.change_30_days_percent is 'The same in percent of that size, to one decimal. Null when that size is null or 0.';
comment on column analytics.segment_trends.observed_90_days_ago_at is 'The last snapshot of the day that lies 90 days before the newest observed one; of an earlier day where that one has none. Null when nothing had been observed yet.';
comment on column analytics.segment_trends.count_90_days_ago is 'Size in that snapshot. Null when the segment was not there, or amoCRM gave no usable number.';
comment on column analytics.segment_trends.change_90_days is 'Size now minus that size. Null when one of them is.';
comment on column analytics.segment_trends.change_90_days_percent is 'The same in percent of that size, to one decimal. Null when that size is null or 0.';
comment on column analytics.segment_trends.size_rank is 'Place among the account''s segments by size now, 1 for the largest; equal sizes share a place.';
comment on column analytics.segment_trends.share_percent is 'Size now in percent of the sum of all sizes. Segments overlap, so this is no share of the customers.';
