-- Events that nobody could be told of yet, the oldest first, but for those that another load is telling of right now.
select
    alert_id, segment_id, segment_name, rule, direction, days, previous_observed_at, previous_count, observed_at,
    customers_count, missed_days, around, message
from amocrm.size_alert
where account_id = :account_id and told_at is null
order by observed_at, segment_id, rule
for no key update skip locked
