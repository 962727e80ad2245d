-- Calls of which nobody knows whether they happened, thing by thing, the oldest call first.
select call.call_id, call.intended_at, written.thing, written.action, written.thing_id, written.name
from amocrm.write_back as call
join amocrm.write_back_thing as written using (account_id, call_id)
where call.account_id = :account_id and call.outcome = 'uncertain'
order by call.intended_at, call.call_id, written.position
