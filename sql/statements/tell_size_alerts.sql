-- The webhook has taken them.
update amocrm.size_alert
set told_at = :told_at
where account_id = :account_id and alert_id = any (cast(:alert_ids as uuid[]))
