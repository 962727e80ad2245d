-- The row for lock_work_at_once, which cannot make it: a row that another transaction is making has to be waited for.
insert into amocrm.work_lock (work, account_id)
values (:work, :account_id)
on conflict (work, account_id) do nothing
