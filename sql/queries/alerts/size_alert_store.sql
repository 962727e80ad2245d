-- name: alert_account
-- Properties of an account that size alerts need.
select
    account_id, timezone, country, customers_mode,
    exists (select from amocrm.scan where scan.account_id = account.account_id) as is_scanned
from amocrm.account
where account_key = :account_key

-- name: compared_sizes
-- Sizes of the latest snapshot's segments, now and each of so many days before. Like
-- analytics.segment_trends, for any span.
select
    segment.segment_id as place_id,
    version.name,
    span.days,
    before.observed_at as previous_observed_at,
    before.observed_date as previous_date,
    (
        select size.customers_count
        from amocrm.segment_size as size
        where size.account_id = segment.account_id
            and size.segment_id = segment.segment_id
            and size.observed_at <= before.observed_at
        order by size.observed_at desc
        limit 1
    ) as previous_count,
    newest.observed_at,
    newest.observed_date,
    segment.customers_count
from (
    select snapshot.account_id, snapshot.observed_at, snapshot.observed_date
    from amocrm.snapshot
    where snapshot.account_id = :account_id
    order by snapshot.observed_at desc
    limit 1
) as newest
cross join unnest(cast(:days as integer[])) as span (days)
left join lateral (
    select snapshot.observed_at, snapshot.observed_date
    from amocrm.snapshot
    where snapshot.account_id = :account_id and snapshot.observed_date <= newest.observed_date - span.days
    order by snapshot.observed_at desc
    limit 1
) as before on true
join amocrm.segment_current as segment on segment.account_id = newest.account_id
join amocrm.segment_version as version
    on version.account_id = segment.account_id
    and version.segment_id = segment.segment_id
    and version.valid_from = segment.valid_from
order by segment.segment_id, span.days

-- name: compared_stage_sizes
-- Sizes of the account's stages in the latest scan, and in the last scan of each of so many days before.
select
    version.stage_id as place_id,
    version.name,
    span.days,
    before.started_at as previous_observed_at,
    before.scan_date as previous_date,
    previous.last_count as previous_count,
    newest.started_at as observed_at,
    newest.scan_date as observed_date,
    size.last_count as customers_count
from (
    select scan.account_id, scan.started_at, scan.scan_date
    from amocrm.scan
    where scan.account_id = :account_id
    order by scan.started_at desc
    limit 1
) as newest
cross join unnest(cast(:days as integer[])) as span (days)
left join lateral (
    select scan.started_at, scan.scan_date
    from amocrm.scan
    where scan.account_id = :account_id and scan.scan_date <= newest.scan_date - span.days
    order by scan.started_at desc
    limit 1
) as before on true
join amocrm.stage_version as version on version.account_id = newest.account_id and version.valid_to is null
left join amocrm.place_day as size
    on size.account_id = version.account_id
    and size.is_stage
    and size.place_id = version.stage_id
    and size.observed_date = newest.scan_date
left join amocrm.place_day as previous
    on previous.account_id = version.account_id
    and previous.is_stage
    and previous.place_id = version.stage_id
    and previous.observed_date = before.scan_date
order by version.stage_id, span.days

-- name: end_size_alerts
-- Mark alerts as ended with the account's latest snapshot, or latest scan.
update amocrm.size_alert
set ended_at = case
    when is_stage then (select max(scan.started_at) from amocrm.scan where scan.account_id = :account_id)
    else (select max(snapshot.observed_at) from amocrm.snapshot where snapshot.account_id = :account_id)
end
where account_id = :account_id and alert_id = any (cast(:alert_ids as uuid[])) and ended_at is null

-- name: insert_size_alert
insert into amocrm.size_alert (
    account_id, alert_id, is_stage, place_id, place_name, rule, direction, days, previous_observed_at, previous_count,
    observed_at, customers_count, missed_days, around, flows, message
)
values (
    :account_id, :alert_id, :is_stage, :place_id, :place_name, :rule, :direction, :days, :previous_observed_at,
    :previous_count, :observed_at, :customers_count, :missed_days, :around, :flows, :message
)

-- name: ongoing_size_alerts
-- Alerts that have not ended and are not sent again.
select alert_id, place_id, rule, direction
from amocrm.size_alert
where account_id = :account_id and is_stage = :is_stage and ended_at is null

-- name: mark_size_alerts_sent
-- Mark alerts as accepted by the webhook.
update amocrm.size_alert
set told_at = :told_at
where account_id = :account_id and alert_id = any (cast(:alert_ids as uuid[]))

-- name: pending_size_alert_count
-- Number of pending alerts.
select count(*)
from amocrm.size_alert
where account_id = :account_id and told_at is null

-- name: pending_size_alerts
-- Pending alerts, oldest first, without those that another load is sending right now.
select
    alert_id, is_stage, place_id, place_name, rule, direction, days, previous_observed_at, previous_count, observed_at,
    customers_count, missed_days, around, flows, message
from amocrm.size_alert
where account_id = :account_id and told_at is null
order by observed_at, is_stage, place_id, rule
for no key update skip locked

-- name: alert_flows
-- Flows of segments or stages while their sizes changed, a row per change and other place. No rows for a change that has no
-- two scans around it.
select
    span.position,
    flow.after_scan_date as first_date,
    flow.until_scan_date as last_date,
    flow.other_id,
    (
        select version.name
        from (
            select stage_id as place_id, name, valid_from
            from amocrm.stage_version
            where account_id = :account_id and :is_stage
            union all
            select segment_id, name, valid_from
            from amocrm.segment_version
            where account_id = :account_id and not :is_stage
        ) as version
        where version.place_id = flow.other_id
        order by version.valid_from desc
        limit 1
    ) as other_name,
    flow.joined_count,
    flow.left_count
from unnest(
    cast(:place_ids as bigint[]), cast(:after_at as timestamptz[]), cast(:after_counts as bigint[]),
    cast(:until_at as timestamptz[]), cast(:until_counts as bigint[])
) with ordinality as span (place_id, after_at, after_count, until_at, until_count, position)
cross join lateral analytics.flows_between(
    :account_id, case when :is_stage then 'stage' else 'segment' end,
    span.place_id, span.after_at, span.after_count, span.until_at, span.until_count
) as flow
order by span.position
