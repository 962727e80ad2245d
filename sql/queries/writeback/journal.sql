-- name: complete_write_back
-- Record the outcome of a call.
update amocrm.write_back
set ended_at = :ended_at, outcome = :outcome, status = :status, answer = :answer, request_id = :request_id, error = :error
where account_id = :account_id and call_id = :call_id

-- name: insert_write_back
insert into amocrm.write_back
    (account_id, call_id, apply_id, position, intended_at, who, reason, source, restored_from, method, path, body)
values
    (:account_id, :call_id, :apply_id, :position, :intended_at, :who, :reason, :source, :restored_from, :method, :path, :body)

-- name: insert_write_back_thing
insert into amocrm.write_back_thing (account_id, call_id, position, thing, action, thing_id, name, replaces_id)
values (:account_id, :call_id, :position, :thing, :action, :thing_id, :name, :replaces_id)

-- name: try_lock_work
-- Take the same lock without waiting: SQLSTATE 55P03 if another process has it.
select taken_at
from amocrm.work_lock
where work = :work and account_id = :account_id
for update nowait

-- name: create_work_lock
-- Insert the row for try_lock_work, which cannot do it itself without waiting for concurrent
-- inserts of the row.
insert into amocrm.work_lock (work, account_id)
values (:work, :account_id)
on conflict (work, account_id) do nothing

-- name: set_added_ids
-- Store the ids of added entities, by their positions in the call.
update amocrm.write_back_thing as written
set thing_id = added.thing_id
from unnest(cast(:thing_ids as bigint[])) with ordinality as added (thing_id, place)
where written.account_id = :account_id
    and written.call_id = :call_id
    and written.position = added.place - 1
    and written.action = 'add'

-- name: mark_write_back_done
-- Record that a call with a lost response was carried out.
update amocrm.write_back
set ended_at = coalesce(ended_at, :ended_at), outcome = 'done'
where account_id = :account_id and call_id = :call_id and outcome = 'uncertain'

-- name: disable_idle_timeout
-- Disable the idle timeout of this transaction, which holds a lock.
select set_config('idle_in_transaction_session_timeout', '0', true)

-- name: successors
-- Successors of restored entities, the latest if an entity was restored several times.
select distinct on (restored.thing, restored.replaces_id) restored.thing, restored.replaces_id, restored.thing_id
from amocrm.write_back_thing as restored
join amocrm.write_back as call using (account_id, call_id)
where restored.account_id = :account_id
    and restored.replaces_id is not null
    and restored.thing_id is not null
order by restored.thing, restored.replaces_id, call.intended_at desc

-- name: preexisting_entities
-- Entities that existed before an instant or that one of our calls added, which another call cannot
-- have added.
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

-- name: uncertain_write_backs
-- Calls with unknown outcome, one row per entity, oldest call first.
select call.call_id, call.intended_at, written.thing, written.action, written.thing_id, written.name
from amocrm.write_back as call
join amocrm.write_back_thing as written using (account_id, call_id)
where call.account_id = :account_id and call.outcome = 'uncertain'
order by call.intended_at, call.call_id, written.position
