-- Oddities in what amoCRM said, those that last first, then the newest.
select kind, thing, thing_id, thing_name, detail, valid_from, valid_to
from analytics.data_quality
where account_id = :account_id and coalesce(valid_to, now()) >= :after
order by is_open desc, valid_from desc, kind, thing_id
limit :most
