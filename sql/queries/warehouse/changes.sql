-- name: recent_changes
-- The newest changes of an account that snapshots after an instant showed; of the last snapshot told all, lest it be told wrong.
select
    observed_at, previous_observed_at, thing, thing_id, thing_name, change, property, value_field_name, old_text, new_text
from (
    select *, rank() over (order by observed_at desc) as place
    from analytics.changes
    where account_id = :account_id and observed_at > :after
) as change
where place <= :most
order by
    observed_at desc,
    array_position(array['account', 'segment', 'stage', 'field', 'option'], thing),
    change,
    thing_id,
    property,
    value_field_id
