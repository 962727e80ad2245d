-- Oddities in the API's answers, kept like everything else: from the snapshot that first showed one to the first that did not.

create table amocrm.quality_event (
    account_id bigint not null references amocrm.account,
    kind text not null,
    thing text not null,
    thing_id bigint not null,
    detail text not null check (length(detail) <= 300),
    valid_from timestamptz not null,
    valid_to timestamptz,
    primary key (account_id, kind, thing, thing_id, detail, valid_from),
    foreign key (account_id, valid_from) references amocrm.snapshot deferrable initially deferred,
    foreign key (account_id, valid_to) references amocrm.snapshot deferrable initially deferred,
    check (valid_to > valid_from)
);
-- Serves reading what is open before a decision, and closing it.
create unique index quality_event_open on amocrm.quality_event (account_id, kind, thing, thing_id, detail) where valid_to is null;

comment on table amocrm.quality_event is 'One row per stretch of snapshots in which the same oddity was noticed. None of them stopped a load.';
comment on column amocrm.quality_event.account_id is 'The account.';
comment on column amocrm.quality_event.kind is 'What was noticed, as docs/operations.md lists them: unknown_key, totals_mismatch, untyped_value and others.';
comment on column amocrm.quality_event.thing is 'What it is about: account, list, stage, segment, field, option.';
comment on column amocrm.quality_event.thing_id is 'Id of that thing; 0 for a list or the account as a whole.';
comment on column amocrm.quality_event.detail is 'One plain sentence.';
comment on column amocrm.quality_event.valid_from is 'observed_at of the first snapshot that showed it.';
comment on column amocrm.quality_event.valid_to is 'observed_at of the first snapshot that did not. Null while it lasts.';
