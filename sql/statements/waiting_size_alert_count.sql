-- How many events nobody could be told of yet.
select count(*)
from amocrm.size_alert
where account_id = :account_id and told_at is null
