-- name: insert_load_failure
insert into amocrm.load_failure (account_key, started_at, account_id, failed_at, error, message, run_id)
values (:account_key, :started_at, :account_id, :failed_at, :error, :message, :run_id)
on conflict (account_key, started_at) do nothing
