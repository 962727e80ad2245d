-- What took the place of things that were restored, the latest where one was restored again and again.
select distinct on (restored.thing, restored.replaces_id) restored.thing, restored.replaces_id, restored.thing_id
from amocrm.write_back_thing as restored
join amocrm.write_back as call using (account_id, call_id)
where restored.account_id = :account_id
    and restored.replaces_id is not null
    and restored.thing_id is not null
order by restored.thing, restored.replaces_id, call.intended_at desc
