-- Things that were there before an instant, or that one of our calls has added: none of them can be what another call added.
select 'stage' as thing, stage_id as thing_id
from amocrm.stage_version
where account_id = :account_id and valid_from <= :instant
union
select 'segment', segment_id
from amocrm.segment_version
where account_id = :account_id and valid_from <= :instant
union
select thing, thing_id
from amocrm.write_back_thing
where account_id = :account_id and action = 'add' and thing_id is not null
