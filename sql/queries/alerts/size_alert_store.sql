-- name: alert_account
-- Properties of an account that size alerts need.
select account_id, timezone, country, customers_mode
from amocrm.account
where account_key = :account_key

-- name: compared_sizes
-- Sizes of the latest snapshot's segments, now and each of so many days before. Like
-- analytics.segment_trends, for any span.
select
    segment.segment_id,
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

-- name: end_size_alerts
-- Mark alerts as ended with the account's latest snapshot.
update amocrm.size_alert
set ended_at = (select max(snapshot.observed_at) from amocrm.snapshot where snapshot.account_id = :account_id)
where account_id = :account_id and alert_id = any (cast(:alert_ids as uuid[])) and ended_at is null

-- name: insert_size_alert
insert into amocrm.size_alert (
    account_id, alert_id, segment_id, segment_name, rule, direction, days, previous_observed_at, previous_count,
    observed_at, customers_count, missed_days, around, message
)
values (
    :account_id, :alert_id, :segment_id, :segment_name, :rule, :direction, :days, :previous_observed_at, :previous_count,
    :observed_at, :customers_count, :missed_days, :around, :message
)

-- name: ongoing_size_alerts
-- Alerts that have not ended and are not sent again.
select alert_id, segment_id, rule, direction
from amocrm.size_alert
where account_id = :account_id and ended_at is null

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
    alert_id, segment_id, segment_name, rule, direction, days, previous_observed_at, previous_count, observed_at,
    customers_count, missed_days, around, message
from amocrm.size_alert
where account_id = :account_id and told_at is null
order by observed_at, segment_id, rule
for no key update skip locked
