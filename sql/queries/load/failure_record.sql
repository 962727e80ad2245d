-- name: insert_load_failure
-- Insert a failure, unless the load's snapshot is stored: the response to its COMMIT was lost.
insert into amocrm.load_failure (account_key, started_at, account_id, failed_at, error, message, run_id)
select :account_key, :started_at, cast(:account_id as bigint), :failed_at, :error, :message, :run_id
where not exists (select from amocrm.snapshot where account_id = :account_id and observed_at = :started_at)
on conflict (account_key, started_at) do nothing
