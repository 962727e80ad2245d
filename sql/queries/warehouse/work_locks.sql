-- name: lock_work
-- One process at a time does this work for an account, until its transaction ends; others wait as long as lock_timeout says. Readers
-- have no right to the row, so none of them can hold it.
insert into amocrm.work_lock (work, account_id)
values (:work, :account_id)
on conflict (work, account_id) do update set taken_at = excluded.taken_at
