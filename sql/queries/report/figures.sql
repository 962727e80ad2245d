-- name: report_days
-- Daily sizes of an account's current segments from a day on, oldest first.
select daily.segment_id as place_id, daily.observed_date as date, daily.last_count as size, daily.is_observed
from analytics.segment_sizes_daily as daily
join amocrm.segment_current as segment using (account_id, segment_id)
where daily.account_id = :account_id and daily.observed_date >= :first_date
order by daily.segment_id, daily.observed_date

-- name: report_stage_days
-- Daily sizes of an account's current stages from a day on, oldest first.
select daily.stage_id as place_id, daily.observed_date as date, daily.last_count as size, daily.is_observed
from analytics.stage_sizes_daily as daily
join analytics.stages as stage using (account_id, stage_id)
where daily.account_id = :account_id and daily.observed_date >= :first_date
order by daily.stage_id, daily.observed_date

-- name: report_stage_sizes
-- Sizes of an account's current stages in the latest scan, largest first, with changes as those of
-- segments.
select
    size.stage_id as place_id,
    stage.name,
    size.customers_count,
    round(100.0 * size.customers_count / nullif(sum(size.customers_count) over (), 0), 1) as share_percent,
    size.customers_count - before.day_1 as change_1_day,
    size.customers_count - before.day_7 as change_7_days,
    round(100.0 * (size.customers_count - before.day_7) / nullif(before.day_7, 0), 1) as change_7_days_percent,
    size.customers_count - before.day_30 as change_30_days,
    round(100.0 * (size.customers_count - before.day_30) / nullif(before.day_30, 0), 1) as change_30_days_percent
from analytics.stage_sizes as size
join analytics.stages as stage using (account_id, stage_id)
join amocrm.scan on scan.account_id = size.account_id and scan.started_at = size.observed_at
cross join lateral (
    select
        max(day.last_count) filter (where span.days = 1) as day_1,
        max(day.last_count) filter (where span.days = 7) as day_7,
        max(day.last_count) filter (where span.days = 30) as day_30
    from unnest(array[1, 7, 30]) as span (days)
    cross join lateral (
        select daily.last_count
        from analytics.stage_sizes_daily as daily
        where daily.account_id = :account_id
            and daily.stage_id = size.stage_id
            and daily.observed_date <= scan.scan_date - span.days
            and daily.is_observed
        order by daily.observed_date desc
        limit 1
    ) as day
) as before
where size.account_id = :account_id
order by size.customers_count desc, size.stage_id

-- name: report_flows
-- Moves between stages, or from one segment to another, by the account's mode; most customers first.
-- The first scan found all customers, which is no move. Those who joined or left are in report_joins.
with stage_name as (
    select distinct on (stage_id) 'stage' as place, stage_id as place_id, name
    from amocrm.stage_version
    where account_id = :account_id
    order by stage_id, valid_from desc
),

segment_name as (
    select distinct on (segment_id) 'segment' as place, segment_id as place_id, name
    from amocrm.segment_version
    where account_id = :account_id
    order by segment_id, valid_from desc
),

place_name as (
    table stage_name
    union all
    table segment_name
)

select
    flow.from_id,
    source.name as from_name,
    flow.to_id,
    target.name as to_name,
    cast(sum(flow.customers_count) as bigint) as customers_count
from amocrm.account
cross join lateral (
    select min(scan.scan_date) as first_date, max(scan.scan_date) as last_date
    from amocrm.scan
    where scan.account_id = account.account_id
) as scan
join analytics.place_flows_daily as flow
    on flow.account_id = account.account_id
    and flow.place = case account.customers_mode when 'periodicity' then 'stage' when 'segments' then 'segment' end
    and flow.flow_date > greatest(scan.first_date, scan.last_date - cast(:days as integer))
left join place_name as source on source.place = flow.place and source.place_id = flow.from_id
left join place_name as target on target.place = flow.place and target.place_id = flow.to_id
where account.account_id = :account_id
    and (flow.place = 'stage' or flow.from_id is not null and flow.to_id is not null)
group by flow.from_id, source.name, flow.to_id, target.name
order by sum(flow.customers_count) desc, flow.from_id, flow.to_id
limit :most

-- name: report_joins
-- Customers that joined and left each segment. The first scan found all members, who did not join then.
select
    segment_id,
    cast(sum(joined_count) as bigint) as joined_count,
    cast(sum(left_count) as bigint) as left_count
from analytics.segment_joins_daily as daily
cross join lateral (
    select min(scan_date) as first_date, max(scan_date) as last_date from amocrm.scan where account_id = :account_id
) as scan
where daily.account_id = :account_id
    and daily.observed_date > greatest(scan.first_date, scan.last_date - cast(:days as integer))
group by segment_id

-- name: report_gaps
-- Gaps, latest first.
select after_at, until_at, gap_seconds, missed_count, missed_days, failure_count, errors
from analytics.gaps
where account_id = :account_id and coalesce(until_at, now()) >= :after
order by after_at desc

-- name: report_has_earlier_changes
-- True if snapshots between two instants have changes.
select exists (
    select from analytics.changes
    where account_id = :account_id and observed_at > :after and observed_at < :before
)

-- name: report_jumps
-- Jumps from a day on, latest first, with the names of entities that changed around them.
select
    segment_id,
    name,
    previous_date,
    previous_count,
    observed_date,
    last_count,
    change_count,
    usual_change_count,
    missed_days,
    observed_at,
    (
        select string_agg(
            distinct case
                when one.thing = 'account' or one.thing = 'segment' and one.thing_id = jump.segment_id
                    then 'the ' || one.thing
                when one.thing = 'segment'
                    then format('segment ''%s'' (%s)', coalesce(one.name, one.thing_id::text), one.change)
                else format('%s ''%s''', one.thing, coalesce(one.name, one.thing_id::text))
            end,
            ', '
        )
        from jsonb_to_recordset(changes) as one (thing text, thing_id bigint, name text, change text)
    ) as changed_things,
    coalesce(changes, '[]') as changes_around
from analytics.segment_jumps as jump
where account_id = :account_id and observed_date >= :first_date
order by observed_date desc, abs(change_count) desc, segment_id

-- name: report_movers
-- Segments with the largest growth and shrinkage over 7 and 30 days.
select days, direction, segment_id, name, before_count, customers_count, change_count, change_percent
from analytics.segment_movers
where account_id = :account_id and days in (7, 30) and place <= :most
order by days, direction desc, place, segment_id

-- name: report_anomalies
-- Anomalies, open ones first, then the latest.
select kind, thing, thing_id, thing_name, detail, valid_from, valid_to
from analytics.data_quality
where account_id = :account_id and coalesce(valid_to, now()) >= :after
order by is_open desc, valid_from desc, kind, thing_id
limit :most

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

-- name: report_stages
-- An account's stages in order, with their rules.
select stage_id, name, is_default, type_text, state_since_at, conditions, conditions_text
from analytics.stages
where account_id = :account_id
order by sort, stage_id

-- name: report_state
-- One row for the account: its properties, freshness, and the start of its history.
select
    fresh.account_key,
    fresh.name,
    fresh.customers_mode,
    fresh.timezone,
    account.country,
    fresh.observed_at,
    fresh.observed_date,
    fresh.usual_seconds,
    fresh.is_late,
    fresh.failure_count,
    fresh.last_message,
    beginning.observed_date as first_date,
    (select count(*) from amocrm.snapshot where account_id = :account_id) as snapshot_count
from analytics.freshness as fresh
join amocrm.account using (account_id)
cross join lateral (
    select observed_date from amocrm.snapshot where account_id = :account_id order by observed_at limit 1
) as beginning
where fresh.account_id = :account_id
