-- Accounts of which one of these runs has published a snapshot: a run that is executed again leaves them alone.
select account.account_key
from amocrm.snapshot
join amocrm.account using (account_id)
where snapshot.run_id = any(:run_ids) and snapshot.observed_at > :since
