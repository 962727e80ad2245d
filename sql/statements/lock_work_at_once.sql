-- The same lock without waiting: SQLSTATE 55P03 where another process has it.
select taken_at
from amocrm.work_lock
where work = :work and account_id = :account_id
for update nowait
