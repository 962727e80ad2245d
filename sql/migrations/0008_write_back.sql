-- What this program changed in amoCRM. A call is written down before it is sent and completed after it, so that one whose
-- process was killed in between is known to be uncertain.

create table amocrm.write_back (
    account_id bigint not null references amocrm.account,
    call_id uuid not null,
    apply_id uuid not null,
    position integer not null check (position >= 0),
    intended_at timestamptz not null,
    ended_at timestamptz,
    outcome text not null default 'uncertain' check (outcome in ('done', 'refused', 'not_sent', 'uncertain')),
    who text not null,
    reason text,
    source text not null,
    restored_from timestamptz,
    method text not null check (method in ('POST', 'PATCH', 'DELETE')),
    path text not null,
    body jsonb,
    status integer,
    answer jsonb,
    request_id text,
    error text,
    primary key (account_id, call_id),
    unique (account_id, apply_id, position),
    foreign key (account_id, restored_from) references amocrm.snapshot,
    check (ended_at is not null or outcome = 'uncertain')
);
-- Serves looking, before anything else is sent, for what became of calls that nobody saw the end of.
create index write_back_uncertain on amocrm.write_back (account_id) where outcome = 'uncertain';

comment on table amocrm.write_back is 'One row per call that this program made to change an account. Only ever added to and completed.';
comment on column amocrm.write_back.account_id is 'The account.';
comment on column amocrm.write_back.call_id is 'The call.';
comment on column amocrm.write_back.apply_id is 'The command or run whose plan the call was part of.';
comment on column amocrm.write_back.position is 'Order of the call among those of its apply, from 0.';
comment on column amocrm.write_back.intended_at is 'When the row was written, right before the call was sent.';
comment on column amocrm.write_back.ended_at is 'When its outcome was written. Null where the process did not live to see it.';
comment on column amocrm.write_back.outcome is 'done: amoCRM said so, or, where its answer was lost, the account as it was read afterwards; refused: amoCRM said no; not_sent: amoCRM was not reached; uncertain: nobody knows.';
comment on column amocrm.write_back.who is 'Who made it: user and machine, or what --as was given.';
comment on column amocrm.write_back.reason is 'Why, in the words of whoever made it. Null where nothing was said.';
comment on column amocrm.write_back.source is 'Where it was written what is wanted: a file, a command, an instant of the history.';
comment on column amocrm.write_back.restored_from is 'observed_at of the snapshot that was restored. Null where the past was not what was wanted.';
comment on column amocrm.write_back.method is 'HTTP method.';
comment on column amocrm.write_back.path is 'Path of the request.';
comment on column amocrm.write_back.body is 'The body as sent. Null where the method has none.';
comment on column amocrm.write_back.status is 'HTTP status of the answer. Null where none came.';
comment on column amocrm.write_back.answer is 'The answer''s body. Null where there was none, or none in JSON.';
comment on column amocrm.write_back.request_id is 'amoCRM''s X-Request-Id, which its support asks for. Null where there was none.';
comment on column amocrm.write_back.error is 'What went wrong, and what to do next. Null where nothing did.';

create table amocrm.write_back_thing (
    account_id bigint not null,
    call_id uuid not null,
    position integer not null check (position >= 0),
    thing text not null check (thing in ('stage', 'segment')),
    action text not null check (action in ('add', 'change', 'delete')),
    thing_id bigint check (thing_id > 0),
    name text,
    replaces_id bigint check (replaces_id > 0),
    primary key (account_id, call_id, position),
    foreign key (account_id, call_id) references amocrm.write_back,
    check (thing_id is not null or action = 'add'),
    check (replaces_id is null or action = 'add')
);
-- Serves finding what took a thing's place.
create index write_back_thing_replaced on amocrm.write_back_thing (account_id, thing, replaces_id) where replaces_id is not null;

comment on table amocrm.write_back_thing is 'One row per stage or segment that a call is about: one a call, but for stages, which are added several at a time.';
comment on column amocrm.write_back_thing.account_id is 'The account.';
comment on column amocrm.write_back_thing.call_id is 'The call.';
comment on column amocrm.write_back_thing.position is 'Its place in the call''s body, from 0.';
comment on column amocrm.write_back_thing.thing is 'stage or segment.';
comment on column amocrm.write_back_thing.action is 'add, change or delete.';
comment on column amocrm.write_back_thing.thing_id is 'amoCRM''s id of the thing; of one to add the id that amoCRM gave it. Null while that is not known, or it was not added.';
comment on column amocrm.write_back_thing.name is 'Name of the thing before the call; of one to add the name it was to have. Null where it has none.';
comment on column amocrm.write_back_thing.replaces_id is 'Of a restored thing the id it had before, whose successor it is. Null otherwise.';
