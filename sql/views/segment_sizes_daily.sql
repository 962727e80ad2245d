create or replace view analytics.segment_sizes_daily as
select
    daily.account_id,
    daily.segment_id,
    names.name,
    daily.observed_date,
    true as is_observed,
    daily.last_count,
    daily.min_count,
    daily.max_count,
    ledger.observation_count
from amocrm.segment_size_daily as daily
-- Memoized: Postgres counts once for each day, not for each segment.
left join lateral (
    select count(*) as observation_count
    from amocrm.snapshot
    where snapshot.account_id = daily.account_id and snapshot.observed_date = daily.observed_date
) as ledger on true
left join (
    -- A version that ended as changed has a successor: few others remain in a long history.
    select distinct on (version.account_id, version.segment_id)
        version.account_id,
        version.segment_id,
        version.name
    from amocrm.segment_version as version
    where version.end_reason is distinct from 'changed'
    order by version.account_id, version.segment_id, version.valid_from desc
) as names using (account_id, segment_id)
union all
-- Days without a snapshot, for segments that exist in the snapshots before and after. With the same
-- types in both halves and without common table expressions, Postgres can skip columns that a query
-- does not select.
select
    gap.account_id,
    before.segment_id,
    (
        select version.name
        from amocrm.segment_version as version
        where version.account_id = before.account_id and version.segment_id = before.segment_id
        order by version.valid_from desc
        limit 1
    ) as name,
    gap.observed_date,
    false as is_observed,
    null::bigint as last_count,
    null::bigint as min_count,
    null::bigint as max_count,
    0::bigint as observation_count
from (
    select account.account_id, first.observed_date + missing.days as observed_date
    from amocrm.account
    cross join lateral (
        select snapshot.observed_date
        from amocrm.snapshot
        where snapshot.account_id = account.account_id
        order by snapshot.observed_at
        limit 1
    ) as first
    cross join lateral (
        select snapshot.observed_date
        from amocrm.snapshot
        where snapshot.account_id = account.account_id
        order by snapshot.observed_at desc
        limit 1
    ) as last
    -- The array keeps the planner's row estimate low, which avoids JIT compilation.
    cross join lateral unnest(
        array(select generate_series(1, last.observed_date - first.observed_date - 1))
    ) as missing (days)
    -- A subquery of each day, not an anti join, which would read the whole ledger.
    where (
        select true
        from amocrm.snapshot
        where snapshot.account_id = account.account_id
            and snapshot.observed_date = first.observed_date + missing.days
        limit 1
    ) is null
) as gap
-- Instants of a day in any timezone are within a day of it in UTC.
cross join lateral (
    select snapshot.observed_at
    from amocrm.snapshot
    where snapshot.account_id = gap.account_id
        and snapshot.observed_date < gap.observed_date
        and snapshot.observed_at < (gap.observed_date + 2) at time zone 'UTC'
    order by snapshot.observed_at desc
    limit 1
) as previous
cross join lateral (
    select snapshot.observed_at
    from amocrm.snapshot
    where snapshot.account_id = gap.account_id
        and snapshot.observed_date > gap.observed_date
        and snapshot.observed_at >= (gap.observed_date - 1) at time zone 'UTC'
    order by snapshot.observed_at
    limit 1
) as next
join amocrm.segment_version as before
    on before.account_id = gap.account_id
    and before.valid_from <= previous.observed_at
    and (before.valid_to is null or before.valid_to > previous.observed_at)
join amocrm.segment_version as after
    on after.account_id = before.account_id
    and after.segment_id = before.segment_id
    and after.valid_from <= next.observed_at
    and (after.valid_to is null or after.valid_to > next.observed_at);

comment on view analytics.segment_sizes_daily is 'One row per segment and day in the account''s timezone, from its first to its last day. Days without a successful load are flagged and have no sizes.';
comment on column analytics.segment_sizes_daily.account_id is 'The account.';
comment on column analytics.segment_sizes_daily.segment_id is 'The segment.';
comment on column analytics.segment_sizes_daily.name is 'The segment''s latest known name.';
comment on column analytics.segment_sizes_daily.observed_date is 'Day in the account''s timezone.';
comment on column analytics.segment_sizes_daily.is_observed is 'True if the account has a snapshot of the day. False is a gap, which is not filled, since amoCRM has no data about the past.';
comment on column analytics.segment_sizes_daily.last_count is 'Size in the day''s last snapshot with the segment. Null in a gap, or if amoCRM gave no usable number.';
comment on column analytics.segment_sizes_daily.min_count is 'Smallest size of the day. Null in a gap.';
comment on column analytics.segment_sizes_daily.max_count is 'Largest size of the day. Null in a gap.';
comment on column analytics.segment_sizes_daily.observation_count is 'Number of snapshots of the account on the day; 0 in a gap.';
