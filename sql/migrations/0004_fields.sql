-- Definitions of the segments' custom fields, and the options of those that have a choice, by versions.

create table amocrm.field_version (
    account_id bigint not null references amocrm.account,
    field_id bigint not null check (field_id > 0),
    valid_from timestamptz not null,
    valid_to timestamptz,
    end_reason text check (end_reason in ('changed', 'deleted', 'mode_off')),
    name text,
    code text,
    type text,
    sort bigint,
    extra jsonb,
    content_hash bytea not null check (octet_length(content_hash) = 32),
    primary key (account_id, field_id, valid_from),
    foreign key (account_id, valid_from) references amocrm.snapshot deferrable initially deferred,
    foreign key (account_id, valid_to) references amocrm.snapshot deferrable initially deferred,
    check (valid_to > valid_from),
    check ((valid_to is null) = (end_reason is null)),
    constraint field_version_overlap exclude using gist (
        int8range(account_id, account_id, '[]') with &&,
        int8range(field_id, field_id, '[]') with &&,
        tstzrange(valid_from, valid_to) with &&
    )
);
-- Serves reading what is open before a decision, and closing it.
create unique index field_version_open on amocrm.field_version (account_id, field_id) where valid_to is null;

comment on table amocrm.field_version is 'One row per state of a segment field''s definition, from the snapshot that first showed it to the first that did not.';
comment on column amocrm.field_version.account_id is 'The account.';
comment on column amocrm.field_version.field_id is 'amoCRM''s id of the field: its identity, while name and code can change.';
comment on column amocrm.field_version.valid_from is 'observed_at of the first snapshot that showed this state.';
comment on column amocrm.field_version.valid_to is 'observed_at of the first snapshot that did not. Null while it is the current state.';
comment on column amocrm.field_version.end_reason is 'Why it ended: changed, deleted (the API said so, asked for the id), mode_off. Null while open.';
comment on column amocrm.field_version.name is 'Name; two fields may share one. Null where the API gave none.';
comment on column amocrm.field_version.code is 'Code given by an integration or a user. Null when there is none.';
comment on column amocrm.field_version.type is 'Type, for example text, numeric, select; as received.';
comment on column amocrm.field_version.sort is 'Position among the fields. Null where the API gave no usable number.';
comment on column amocrm.field_version.extra is 'All other properties of the definition, as received. Null when there are none.';
comment on column amocrm.field_version.content_hash is 'SHA-256 of the definition without its options: another hash is another version.';

create table amocrm.option_version (
    account_id bigint not null references amocrm.account,
    field_id bigint not null check (field_id > 0),
    option_id bigint not null check (option_id > 0),
    valid_from timestamptz not null,
    valid_to timestamptz,
    end_reason text check (end_reason in ('changed', 'deleted', 'mode_off')),
    value text,
    sort bigint,
    extra jsonb,
    content_hash bytea not null check (octet_length(content_hash) = 32),
    primary key (account_id, field_id, option_id, valid_from),
    foreign key (account_id, valid_from) references amocrm.snapshot deferrable initially deferred,
    foreign key (account_id, valid_to) references amocrm.snapshot deferrable initially deferred,
    check (valid_to > valid_from),
    check ((valid_to is null) = (end_reason is null)),
    constraint option_version_overlap exclude using gist (
        int8range(account_id, account_id, '[]') with &&,
        int8range(field_id, field_id, '[]') with &&,
        int8range(option_id, option_id, '[]') with &&,
        tstzrange(valid_from, valid_to) with &&
    )
);
-- Serves reading what is open before a decision, and closing it.
create unique index option_version_open on amocrm.option_version (account_id, field_id, option_id) where valid_to is null;

comment on table amocrm.option_version is 'One row per state of an option of a segment field, from the snapshot that first showed it to the first that did not.';
comment on column amocrm.option_version.account_id is 'The account.';
comment on column amocrm.option_version.field_id is 'The field that offers the option.';
comment on column amocrm.option_version.option_id is 'amoCRM''s id of the option (enum): its identity, while the label can change.';
comment on column amocrm.option_version.valid_from is 'observed_at of the first snapshot that showed this state.';
comment on column amocrm.option_version.valid_to is 'observed_at of the first snapshot that did not. Null while it is the current state.';
comment on column amocrm.option_version.end_reason is 'Why it ended: changed, deleted (the API, asked for the field, no longer names it), mode_off. Null while open.';
comment on column amocrm.option_version.value is 'Label. Null where the API gave none.';
comment on column amocrm.option_version.sort is 'Position among the field''s options. Null where the API gave no usable number.';
comment on column amocrm.option_version.extra is 'All other properties of the option, as received. Null when there are none.';
comment on column amocrm.option_version.content_hash is 'SHA-256 of the option: another hash is another version.';
