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

-- name: report_movers
-- Segments, or stages in their mode, with the largest growth and shrinkage over 7 and 30 days.
select
    mover.days,
    mover.direction,
    mover.place,
    mover.place_id,
    mover.name,
    mover.before_count,
    mover.customers_count,
    mover.change_count,
    mover.change_percent
from (
    select
        'segment' as place,
        account_id,
        days,
        direction,
        segment_id as place_id,
        name,
        before_count,
        customers_count,
        change_count,
        change_percent,
        place as rank
    from analytics.segment_movers
    union all
    select
        'stage' as place,
        account_id,
        days,
        direction,
        stage_id as place_id,
        name,
        before_count,
        customers_count,
        change_count,
        change_percent,
        place as rank
    from analytics.stage_movers
) as mover
join amocrm.account using (account_id)
where account_id = :account_id
    and mover.days in (7, 30)
    and mover.rank <= :most
    and mover.place = case account.customers_mode when 'periodicity' then 'stage' else 'segment' end
order by mover.days, mover.direction desc, mover.rank, mover.place_id

-- name: report_anomalies
-- Anomalies, open ones first, then the latest.
select kind, thing, thing_id, thing_name, detail, valid_from, valid_to
from analytics.data_quality
where account_id = :account_id and coalesce(valid_to, now()) >= :after
order by is_open desc, valid_from desc, kind, thing_id
limit :most

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
