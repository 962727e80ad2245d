-- Answers as received, kept for a set time: the proof of every snapshot, and enough to make all other tables anew.

create table amocrm.raw_body (
    account_id bigint not null,
    body_hash bytea not null check (octet_length(body_hash) = 32),
    body bytea not null,
    byte_count integer not null check (byte_count >= 0),
    primary key (account_id, body_hash)
);
-- Compressed by the writer, so Postgres need not try again.
alter table amocrm.raw_body alter column body set storage external;

comment on table amocrm.raw_body is 'One row per account and content of an answer''s body: the same body is stored once.';
comment on column amocrm.raw_body.account_id is 'The account that answered.';
comment on column amocrm.raw_body.body_hash is 'SHA-256 of the body as received.';
comment on column amocrm.raw_body.body is 'The body as received, compressed with zlib.';
comment on column amocrm.raw_body.byte_count is 'Length of the body in bytes before compression.';

create table amocrm.raw_answer (
    account_id bigint not null,
    observed_at timestamptz not null,
    load_id uuid not null,
    sequence integer not null check (sequence >= 0),
    resource text not null check (resource in ('account', 'stages', 'segments', 'fields', 'stage', 'segment', 'field')),
    thing_id bigint,
    page integer,
    pass_number integer,
    is_accepted boolean not null,
    path text not null,
    status integer not null,
    content_type text,
    request_id text,
    received_at timestamptz not null,
    body_hash bytea not null,
    primary key (account_id, observed_at, load_id, sequence),
    foreign key (account_id, body_hash) references amocrm.raw_body
);
-- Serves the purge of bodies that no answer needs any more.
create index raw_answer_body on amocrm.raw_answer (account_id, body_hash);

comment on table amocrm.raw_answer is 'One row per answer received, of failed loads too. A snapshot is a pure function of its accepted answers.';
comment on column amocrm.raw_answer.account_id is 'The account that answered.';
comment on column amocrm.raw_answer.observed_at is 'When the load began; the snapshot''s observed_at if it was published.';
comment on column amocrm.raw_answer.load_id is 'The load that asked.';
comment on column amocrm.raw_answer.sequence is 'Order of the answer in its load, from 0.';
comment on column amocrm.raw_answer.resource is 'What was asked for: account; a list (stages, segments, fields); or one thing by its id (stage, segment, field).';
comment on column amocrm.raw_answer.thing_id is 'The id asked for. Null for lists and the account.';
comment on column amocrm.raw_answer.page is 'The page asked for. Null where the resource has no pages.';
comment on column amocrm.raw_answer.pass_number is 'Which reading of the list, from 1: a list of several pages is read until two passes agree. Null elsewhere.';
comment on column amocrm.raw_answer.is_accepted is 'Whether the snapshot is read from this answer; false for answers that were asked for again.';
comment on column amocrm.raw_answer.path is 'Path and query of the request.';
comment on column amocrm.raw_answer.status is 'HTTP status.';
comment on column amocrm.raw_answer.content_type is 'Content-Type as received. Null when there was none.';
comment on column amocrm.raw_answer.request_id is 'amoCRM''s X-Request-Id, which its support asks for. Null when there was none.';
comment on column amocrm.raw_answer.received_at is 'When the answer was complete.';
comment on column amocrm.raw_answer.body_hash is 'The body, in amocrm.raw_body.';
