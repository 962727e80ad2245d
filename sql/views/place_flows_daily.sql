create or replace view analytics.place_flows_daily as
select
    flow.account_id,
    kind.place,
    flow.flow_date,
    nullif(flow.from_place_id, 0) as from_id,
    nullif(flow.to_place_id, 0) as to_id,
    flow.customers_count
from amocrm.place_flow_day as flow
-- A join, so that a condition on place reaches the key.
join (values (true, 'stage'), (false, 'segment')) as kind (is_stage, place) using (is_stage);

comment on view analytics.place_flows_daily is 'One row per day and pair of stages, or of segments, between which customers moved. What came to a place minus what left it is the change of its size.';
comment on column analytics.place_flows_daily.account_id is 'The account.';
comment on column analytics.place_flows_daily.place is 'stage or segment.';
comment on column analytics.place_flows_daily.flow_date is 'Day of the scan that found the move, in the account''s timezone.';
comment on column analytics.place_flows_daily.from_id is 'Where the customers were. Null for new customers, and if a customer left or joined several segments at once.';
comment on column analytics.place_flows_daily.to_id is 'Where they are. Null for customers that are gone, and if a customer left or joined several segments at once.';
comment on column analytics.place_flows_daily.customers_count is 'Number of customers.';

-- A size was counted at two instants, scans ran at others. Of the scans before and after an instant,
-- the one that found the place closer to the size counted then is taken; of two equally close ones,
-- the one that makes the span shorter. So a jump between a scan and a load is not lost, and flows of
-- the days around it are left out. Several scans of a day count as its last one, since flows are
-- stored by day.
--
-- The body is a string, not BEGIN ATOMIC: Postgres then records no dependency, so views can be
-- dropped and re-created beneath the function. All names and operators are qualified, so that
-- nothing is looked up in the caller's search path. Setting the path instead would prevent Postgres
-- from inlining the function.
create or replace function analytics.flows_between(
    account_id bigint, place text, place_id bigint, after_at timestamptz, after_count bigint, until_at timestamptz, until_count bigint
)
returns table (
    other_id bigint,
    joined_count bigint,
    left_count bigint,
    after_scan_date date,
    until_scan_date date
)
language sql stable
as $$
    with day as not materialized (
        select scan.scan_date, scan.started_at, coalesce(size.customers_count, 0) as customers_count
        from analytics.scans as scan
        left join analytics.place_money_daily as size
            on size.account_id operator(pg_catalog.=) flows_between.account_id
            and size.place operator(pg_catalog.=) flows_between.place
            and size.place_id operator(pg_catalog.=) flows_between.place_id
            and size.observed_date operator(pg_catalog.=) scan.scan_date
        where scan.account_id operator(pg_catalog.=) flows_between.account_id
            and not exists (
                select
                from analytics.scans as later
                where later.account_id operator(pg_catalog.=) flows_between.account_id
                    and later.scan_date operator(pg_catalog.=) scan.scan_date
                    and later.started_at operator(pg_catalog.>) scan.started_at
                    and later.started_at operator(pg_catalog.<) (scan.started_at operator(pg_catalog.+) interval '2 days')
            )
    )

    select
        flow.other_id,
        pg_catalog.sum(flow.joined_count)::bigint,
        pg_catalog.sum(flow.left_count)::bigint,
        span.after_date,
        span.until_date
    from (
        select after_scan.scan_date as after_date, until_scan.scan_date as until_date
        from (
            select candidate.scan_date
            from (
                (select * from day where day.started_at operator(pg_catalog.<=) flows_between.after_at order by day.started_at desc limit 1)
                union all
                (
                    select *
                    from day
                    where day.started_at operator(pg_catalog.>) flows_between.after_at
                        and day.started_at operator(pg_catalog.<) flows_between.until_at
                    order by day.started_at
                    limit 1
                )
            ) as candidate
            order by pg_catalog.abs(candidate.customers_count operator(pg_catalog.-) flows_between.after_count), candidate.started_at desc
            limit 1
        ) as after_scan
        cross join lateral (
            select candidate.scan_date
            from (
                (select * from day where day.started_at operator(pg_catalog.<=) flows_between.until_at order by day.started_at desc limit 1)
                union all
                (select * from day where day.started_at operator(pg_catalog.>) flows_between.until_at order by day.started_at limit 1)
            ) as candidate
            where candidate.scan_date operator(pg_catalog.>) after_scan.scan_date
            order by pg_catalog.abs(candidate.customers_count operator(pg_catalog.-) flows_between.until_count), candidate.started_at
            limit 1
        ) as until_scan
    ) as span
    cross join lateral (
        -- A span between scans always has a row, even if nobody moved.
        select null::bigint as other_id, 0 as joined_count, 0 as left_count
        union all
        select
            case when came.is_to then moved.from_id else moved.to_id end,
            case when came.is_to then moved.customers_count else 0 end,
            case when came.is_to then 0 else moved.customers_count end
        from analytics.place_flows_daily as moved
        cross join lateral (select moved.to_id operator(pg_catalog.=) flows_between.place_id) as came (is_to)
        where moved.account_id operator(pg_catalog.=) flows_between.account_id
            and moved.place operator(pg_catalog.=) flows_between.place
            and moved.flow_date operator(pg_catalog.>) span.after_date
            and moved.flow_date operator(pg_catalog.<=) span.until_date
            and (
                moved.to_id operator(pg_catalog.=) flows_between.place_id
                or moved.from_id operator(pg_catalog.=) flows_between.place_id
            )
    ) as flow
    group by flow.other_id, span.after_date, span.until_date
$$;

comment on function analytics.flows_between(bigint, text, bigint, timestamptz, bigint, timestamptz, bigint) is 'Customers that joined and left a stage or segment (place and place_id) while its size changed from after_count at after_at to until_count at until_at: one row per other place, and one with other_id null for customers that were new or gone or that left or joined several segments at once. Flows are those of the scans after after_scan_date up to until_scan_date, the scans around the two instants that found sizes closest to the counted ones. No rows if no two scans are around the change.';
