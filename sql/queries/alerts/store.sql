-- name: alert_account
-- What telling of sizes has to know of an account.
select account_id, timezone, country, customers_mode
from amocrm.account
where account_key = :account_key

-- name: compared_sizes
-- The segments of an account's newest snapshot beside their sizes so many days before: the days and sizes of analytics.segment_trends,
-- for spans of any length.
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
-- Events that the account's newest snapshot shows as over.
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
-- Events that have not ended, of which nobody is told again.
select alert_id, segment_id, rule, direction
from amocrm.size_alert
where account_id = :account_id and ended_at is null

-- name: mark_size_alerts_sent
-- The webhook has taken them.
update amocrm.size_alert
set told_at = :told_at
where account_id = :account_id and alert_id = any (cast(:alert_ids as uuid[]))

-- name: pending_size_alert_count
-- How many events nobody could be told of yet.
select count(*)
from amocrm.size_alert
where account_id = :account_id and told_at is null

-- name: pending_size_alerts
-- Events that nobody could be told of yet, the oldest first, but for those that another load is telling of right now.
select
    alert_id, segment_id, segment_name, rule, direction, days, previous_observed_at, previous_count, observed_at,
    customers_count, missed_days, around, message
from amocrm.size_alert
where account_id = :account_id and told_at is null
order by observed_at, segment_id, rule
for no key update skip locked
