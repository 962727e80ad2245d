create or replace view analytics.write_backs as
select
    written.account_id,
    call.intended_at as called_at,
    written.action,
    written.thing,
    written.thing_id,
    written.name as thing_name,
    call.outcome,
    (
        select min(snapshot.observed_at)
        from amocrm.snapshot
        where snapshot.account_id = call.account_id and snapshot.observed_at > call.intended_at
    ) as observed_at,
    call.who,
    call.reason,
    call.source,
    written.replaces_id,
    call.restored_from,
    call.method,
    call.path,
    call.body,
    call.status,
    call.request_id,
    call.error,
    call.apply_id,
    call.call_id
from amocrm.write_back_thing as written
join amocrm.write_back as call using (account_id, call_id);

comment on view analytics.write_backs is 'One row per stage or segment that this program added, changed or deleted in amoCRM, or tried to: who did it, why, and the outcome. Changes by amoCRM''s users are only in the view changes.';
comment on column analytics.write_backs.account_id is 'The account.';
comment on column analytics.write_backs.called_at is 'When the call was sent.';
comment on column analytics.write_backs.action is 'add, change or delete.';
comment on column analytics.write_backs.thing is 'segment or stage.';
comment on column analytics.write_backs.thing_id is 'amoCRM''s id of the entity; for an addition, its new id. Null if it was not added, or if that is unknown.';
comment on column analytics.write_backs.thing_name is 'Name of the entity before the call; for an addition, its new name.';
comment on column analytics.write_backs.outcome is 'done, refused (amoCRM rejected the call), not_sent (amoCRM was not reached), or uncertain (the response was lost or the program was killed, and later loads did not settle it).';
comment on column analytics.write_backs.observed_at is 'The first snapshot after the call, in which the view changes shows its effect. Null while there is none.';
comment on column analytics.write_backs.who is 'Person or program that made the call.';
comment on column analytics.write_backs.reason is 'Reason given for the call. Null if none was given.';
comment on column analytics.write_backs.source is 'Source of the desired state: a file, a command, or an instant of the history.';
comment on column analytics.write_backs.replaces_id is 'For a restored entity, its id before the deletion. Null otherwise.';
comment on column analytics.write_backs.restored_from is 'The snapshot that was restored. Null for other calls.';
comment on column analytics.write_backs.method is 'HTTP method.';
comment on column analytics.write_backs.path is 'Path of the request.';
comment on column analytics.write_backs.body is 'Body as sent. Null if the method has none.';
comment on column analytics.write_backs.status is 'HTTP status of the response. Null if there was none.';
comment on column analytics.write_backs.request_id is 'amoCRM''s X-Request-Id, which its support asks for.';
comment on column analytics.write_backs.error is 'Error message: what happened and what to do next. Null if there was none.';
comment on column analytics.write_backs.apply_id is 'Id that all calls of one command or run share.';
comment on column analytics.write_backs.call_id is 'Id of the call, which several stages added together share.';
