update amocrm.quality_event as event
set valid_to = :valid_to
from unnest(cast(:kinds as text[]), cast(:things as text[]), cast(:thing_ids as bigint[]), cast(:details as text[]))
    as ended (kind, thing, thing_id, detail)
where event.account_id = :account_id
    and event.kind = ended.kind
    and event.thing = ended.thing
    and event.thing_id = ended.thing_id
    and event.detail = ended.detail
    and event.valid_to is null
