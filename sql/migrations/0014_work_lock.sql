-- Locks of the program's own work, as rows that readers have no right to. Advisory locks belong to every login of the database, and
-- those of a session stay behind in the server's connection when a pooler gives it to another client.

create table amocrm.work_lock (
    work text not null,
    account_id bigint not null,
    taken_at timestamptz not null default now(),
    primary key (work, account_id)
) with (fillfactor = 50);

comment on table amocrm.work_lock is 'One row per account and kind of work that one process at a time may do. Whoever does it holds the row''s lock until the transaction ends. It may be emptied while nothing runs.';
comment on column amocrm.work_lock.work is 'The work: raw_answer (keeping and purging raw answers), size_alert (deciding on alerts), wide_view (making the view segments_<account id>), apply (changing the account in amoCRM).';
comment on column amocrm.work_lock.account_id is 'amoCRM''s id of the account, which need not have a snapshot yet.';
comment on column amocrm.work_lock.taken_at is 'When the lock was last taken, by the database''s clock. For apply: when the account was first changed.';
