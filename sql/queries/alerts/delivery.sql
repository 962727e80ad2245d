-- name: insert_undelivered_alert
insert into amocrm.undelivered_alert (alert_id, receiver, payload, created_at, tried_at)
values (:alert_id, :receiver, :payload, now(), now())

-- name: expire_undelivered_alerts
-- Delete messages to receivers that are no longer set, and those of which a week made nothing.
delete from amocrm.undelivered_alert
where receiver <> all (cast(:receivers as text[])) or created_at < now() - interval '7 days'

-- name: claim_undelivered_alerts
-- Messages to send again, oldest first, without those that another process sends right now. The
-- loads of a fleet follow each other in seconds, so a receiver that is down gets ten minutes.
select alert_id, receiver, payload
from amocrm.undelivered_alert
where tried_at < now() - interval '10 minutes'
order by created_at
limit 20
for no key update skip locked

-- name: delete_undelivered_alert
delete from amocrm.undelivered_alert where alert_id = :alert_id

-- name: delay_undelivered_alert
update amocrm.undelivered_alert set tried_at = now() where alert_id = :alert_id

-- name: undelivered_alert_counts
-- Alerts that single receivers did not take, and accounts whose changes none took.
select receiver, count(*) as alert_count
from amocrm.undelivered_alert
group by receiver
union all
select 'every receiver', count(*)
from amocrm.change_notice as notice
where exists (
    select
    from amocrm.snapshot
    where snapshot.account_id = notice.account_id
        and snapshot.observed_at > notice.observed_at
        and snapshot.opened_count + snapshot.closed_count > 0
)
having count(*) > 0
order by receiver
