create or replace view analytics.segment_sizes_daily as
with days as (
    select
        snapshot.account_id,
        snapshot.observed_date,
        count(*) as observation_count,
        lead(snapshot.observed_date) over (partition by snapshot.account_id order by snapshot.observed_date) as next_date
    from amocrm.snapshot
    group by snapshot.account_id, snapshot.observed_date
),

gaps as (
    -- Days without a snapshot of the account, for the segments that were there on the days around them.
    select
        before.account_id,
        before.segment_id,
        days.observed_date + missing.days as observed_date
    from days
    join amocrm.segment_size_daily as before using (account_id, observed_date)
    join amocrm.segment_size_daily as after
        on after.account_id = before.account_id
        and after.segment_id = before.segment_id
        and after.observed_date = days.next_date
    cross join lateral generate_series(1, days.next_date - days.observed_date - 1) as missing (days)
)

select
    daily.account_id,
    daily.segment_id,
    daily.observed_date,
    true as is_observed,
    daily.last_count,
    daily.min_count,
    daily.max_count,
    days.observation_count
from amocrm.segment_size_daily as daily
join days using (account_id, observed_date)
union all
select
    gaps.account_id,
    gaps.segment_id,
    gaps.observed_date,
    false as is_observed,
    null as last_count,
    null as min_count,
    null as max_count,
    0 as observation_count
from gaps;

comment on view analytics.segment_sizes_daily is 'One row per segment and day in the account''s timezone, from its first to its last day; days on which no load succeeded are flagged and hold no sizes.';
comment on column analytics.segment_sizes_daily.account_id is 'The account.';
comment on column analytics.segment_sizes_daily.segment_id is 'The segment.';
comment on column analytics.segment_sizes_daily.observed_date is 'Day in the account''s timezone.';
comment on column analytics.segment_sizes_daily.is_observed is 'Whether any snapshot of the account exists for the day. False is a gap: amoCRM cannot be asked about the past, so nothing is filled in.';
comment on column analytics.segment_sizes_daily.last_count is 'Size in the day''s last snapshot that saw the segment. Null on a gap, or when amoCRM gave no usable number.';
comment on column analytics.segment_sizes_daily.min_count is 'Smallest size seen on the day. Null on a gap.';
comment on column analytics.segment_sizes_daily.max_count is 'Largest size seen on the day. Null on a gap.';
comment on column analytics.segment_sizes_daily.observation_count is 'Snapshots of the account on the day; 0 on a gap.';
