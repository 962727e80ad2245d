create or replace view analytics.stage_sizes as
select
    scan.account_id,
    day.place_id as stage_id,
    (
        select version.name
        from amocrm.stage_version as version
        where version.account_id = scan.account_id and version.stage_id = day.place_id
        order by version.valid_from desc
        limit 1
    ) as name,
    scan.started_at as observed_at,
    day.last_count as customers_count,
    day.last_count - earlier.last_count as change_count
from (
    select distinct on (scan.account_id) scan.account_id, scan.started_at, scan.scan_date
    from amocrm.scan
    order by scan.account_id, scan.started_at desc
) as scan
join amocrm.place_day as day
    on day.account_id = scan.account_id and day.is_stage and day.observed_date = scan.scan_date
left join lateral (
    select one.last_count
    from amocrm.place_day as one
    where one.account_id = day.account_id
        and one.is_stage
        and one.place_id = day.place_id
        and one.observed_date < day.observed_date
    order by one.observed_date desc
    limit 1
) as earlier on true;

comment on view analytics.stage_sizes is 'One row per stage of the account''s latest scan of customers, with its size.';
comment on column analytics.stage_sizes.account_id is 'The account.';
comment on column analytics.stage_sizes.stage_id is 'The stage.';
comment on column analytics.stage_sizes.name is 'The stage''s latest known name. Null in segments mode, where amoCRM does not list stages.';
comment on column analytics.stage_sizes.observed_at is 'Start of the scan.';
comment on column analytics.stage_sizes.customers_count is 'Customers in the stage.';
comment on column analytics.stage_sizes.change_count is 'The size minus that of the last previous day with a scan. Null on the first day.';
