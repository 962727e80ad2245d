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

comment on view analytics.write_backs is 'One row per stage or segment that a call of this program was to add, change or delete in amoCRM: what was done, by whom and why. What amoCRM''s own users do is in changes only.';
comment on column analytics.write_backs.account_id is 'The account.';
comment on column analytics.write_backs.called_at is 'When the call was made.';
comment on column analytics.write_backs.action is 'add, change or delete.';
comment on column analytics.write_backs.thing is 'segment or stage.';
comment on column analytics.write_backs.thing_id is 'amoCRM''s id of the thing; of an added one its new id. Null where it was not added, or nobody knows.';
comment on column analytics.write_backs.thing_name is 'Name of the thing before the call; of an added one the name it was given.';
comment on column analytics.write_backs.outcome is 'done, refused (amoCRM said no), not_sent (amoCRM was not reached), uncertain (the answer was lost, or the program was killed, and what was read afterwards did not tell).';
comment on column analytics.write_backs.observed_at is 'The first snapshot after the call: the view changes shows its effect there. Null while there is none.';
comment on column analytics.write_backs.who is 'Who made the call.';
comment on column analytics.write_backs.reason is 'Why, in the words of whoever made it. Null where nothing was said.';
comment on column analytics.write_backs.source is 'Where it was written what is wanted: a file, a command, an instant of the history.';
comment on column analytics.write_backs.replaces_id is 'Of a restored thing the id it had before. Null otherwise.';
comment on column analytics.write_backs.restored_from is 'The snapshot that was restored. Null where the past was not what was wanted.';
comment on column analytics.write_backs.method is 'HTTP method.';
comment on column analytics.write_backs.path is 'Path of the request.';
comment on column analytics.write_backs.body is 'The body as sent. Null where the method has none.';
comment on column analytics.write_backs.status is 'HTTP status of the answer. Null where none came.';
comment on column analytics.write_backs.request_id is 'amoCRM''s X-Request-Id, which its support asks for.';
comment on column analytics.write_backs.error is 'What went wrong, and what to do next. Null where nothing did.';
comment on column analytics.write_backs.apply_id is 'Calls of one command, or one run, have the same.';
comment on column analytics.write_backs.call_id is 'The call; several stages that were added together share one.';
