create or replace view analytics.stage_sizes_daily as
select
    day.account_id,
    day.place_id as stage_id,
    names.name,
    day.observed_date,
    true as is_observed,
    day.last_count,
    day.min_count,
    day.max_count,
    ledger.observation_count
from amocrm.place_day as day
left join (
    select scan.account_id, scan.scan_date as observed_date, count(*) as observation_count
    from amocrm.scan
    group by scan.account_id, scan.scan_date
) as ledger using (account_id, observed_date)
left join (
    select distinct on (version.account_id, version.stage_id)
        version.account_id,
        version.stage_id as place_id,
        version.name
    from amocrm.stage_version as version
    where version.end_reason is distinct from 'changed'
    order by version.account_id, version.stage_id, version.valid_from desc
) as names using (account_id, place_id)
where day.is_stage
union all
-- Days without a scan, for stages with a size before and after.
select
    missing.account_id,
    missing.place_id,
    (
        select version.name
        from amocrm.stage_version as version
        where version.account_id = missing.account_id and version.stage_id = missing.place_id
        order by version.valid_from desc
        limit 1
    ),
    missing.observed_date,
    false,
    null::bigint,
    null::bigint,
    null::bigint,
    0::bigint
from (
    select day.account_id, day.place_id, day.observed_date + gap.days as observed_date
    from amocrm.place_day as day
    cross join lateral (
        select next.observed_date
        from amocrm.place_day as next
        where next.account_id = day.account_id
            and next.is_stage
            and next.place_id = day.place_id
            and next.observed_date > day.observed_date
        order by next.observed_date
        limit 1
    ) as next
    cross join lateral unnest(array(select generate_series(1, next.observed_date - day.observed_date - 1))) as gap (days)
    where day.is_stage
) as missing
where not exists (
    select from amocrm.scan
    where scan.account_id = missing.account_id and scan.scan_date = missing.observed_date
);

comment on view analytics.stage_sizes_daily is 'One row per stage and day in the account''s timezone, from its first to its last day with a scan of customers. Days without a scan are flagged and have no sizes.';
comment on column analytics.stage_sizes_daily.account_id is 'The account.';
comment on column analytics.stage_sizes_daily.stage_id is 'The stage.';
comment on column analytics.stage_sizes_daily.name is 'The stage''s latest known name. Null in segments mode, where amoCRM does not list stages.';
comment on column analytics.stage_sizes_daily.observed_date is 'Day in the account''s timezone.';
comment on column analytics.stage_sizes_daily.is_observed is 'True if the account has a scan of the day. False is a gap, which is not filled.';
comment on column analytics.stage_sizes_daily.last_count is 'Customers in the day''s last scan. Null in a gap.';
comment on column analytics.stage_sizes_daily.min_count is 'Smallest size of the day. Null in a gap.';
comment on column analytics.stage_sizes_daily.max_count is 'Largest size of the day. Null in a gap.';
comment on column analytics.stage_sizes_daily.observation_count is 'Number of scans of the account on the day; 0 in a gap.';
