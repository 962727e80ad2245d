-- name: lock_work
-- Lock this kind of work for an account until the transaction ends; others wait up to lock_timeout.
-- Readers have no privileges on the row, so they cannot hold the lock.
insert into amocrm.work_lock (work, account_id)
values (:work, :account_id)
on conflict (work, account_id) do update set taken_at = excluded.taken_at
