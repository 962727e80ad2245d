-- Events that the account's newest snapshot shows as over.
update amocrm.size_alert
set ended_at = (select max(snapshot.observed_at) from amocrm.snapshot where snapshot.account_id = :account_id)
where account_id = :account_id and alert_id = any (cast(:alert_ids as uuid[])) and ended_at is null
