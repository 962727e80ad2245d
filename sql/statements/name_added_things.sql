-- The ids that amoCRM gave to what a call added, by their places in the call.
update amocrm.write_back_thing as written
set thing_id = added.thing_id
from unnest(cast(:thing_ids as bigint[])) with ordinality as added (thing_id, place)
where written.account_id = :account_id
    and written.call_id = :call_id
    and written.position = added.place - 1
    and written.action = 'add'
