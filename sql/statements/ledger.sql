-- Every snapshot of an account in order, with what its publishing needs beside the raw answers.
select
    snapshot.observed_at, snapshot.load_id, snapshot.request_count, snapshot.byte_count, snapshot.duration_seconds,
    snapshot.run_id, account.account_key, account.host
from amocrm.snapshot
join amocrm.account using (account_id)
where snapshot.account_id = :account_id
order by snapshot.observed_at
