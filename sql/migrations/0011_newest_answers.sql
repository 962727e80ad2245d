-- What the newest snapshot of each account was read from, so that a load that is answered the same need not read it again.

create table amocrm.newest_answers (
    account_id bigint primary key references amocrm.account,
    observed_at timestamptz not null,
    reading_code text not null,
    answers jsonb not null,
    foreign key (account_id, observed_at) references amocrm.snapshot deferrable initially deferred
) with (fillfactor = 50); -- room for updates in place: every load makes one

comment on table amocrm.newest_answers is 'One row per account whose newest load left nothing undone: the answers that its snapshot shows, in short. It may be deleted: then the next load reads everything.';
comment on column amocrm.newest_answers.account_id is 'The account.';
comment on column amocrm.newest_answers.observed_at is 'The snapshot. Where it is not the newest one, the row means nothing.';
comment on column amocrm.newest_answers.reading_code is 'SHA-256 of the code that read the answers: other code may read the same answers otherwise.';
comment on column amocrm.newest_answers.answers is 'What was asked, in order, and what of each answer matters: its status, whether it called itself JSON, and the SHA-256 of its body.';
