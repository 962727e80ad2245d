-- The newest changes of an account that snapshots after an instant showed.
select
    observed_at, previous_observed_at, thing, thing_id, thing_name, change, property, value_field_name, old_text, new_text
from analytics.changes
where account_id = :account_id and observed_at > :after
order by observed_at desc, thing desc, change, thing_id, property, value_field_id
limit :most
