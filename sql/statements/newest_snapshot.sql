select observed_at, observed_date
from amocrm.snapshot
where account_id = :account_id
order by observed_at desc
limit 1
