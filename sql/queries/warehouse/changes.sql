-- name: recent_changes
-- The latest changes of an account in snapshots after an instant. The changes of the last snapshot
-- among them are complete, since a part of them would mislead.
select
    observed_at, previous_observed_at, thing, thing_id, thing_name, change, property, value_field_name, old_text, new_text,
    old_value, new_value
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
