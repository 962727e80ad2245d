-- Stages (the API's customer statuses) and their rules, by versions.
--
-- All version tables are alike: a version opens in the snapshot that first shows a state and closes in the first that
-- does not. The exclusion constraint keeps versions of a thing from overlapping without any extension; the deferred
-- references make sure that both ends are published snapshots, whose row is written last.

create table amocrm.stage_version (
    account_id bigint not null references amocrm.account,
    stage_id bigint not null check (stage_id > 0),
    valid_from timestamptz not null,
    valid_to timestamptz,
    end_reason text check (end_reason in ('changed', 'deleted', 'mode_off')),
    name text,
    sort bigint,
    is_default boolean,
    color text,
    type bigint,
    rule_group_count integer not null check (rule_group_count >= 0),
    extra jsonb,
    content_hash bytea not null check (octet_length(content_hash) = 32),
    primary key (account_id, stage_id, valid_from),
    foreign key (account_id, valid_from) references amocrm.snapshot deferrable initially deferred,
    foreign key (account_id, valid_to) references amocrm.snapshot deferrable initially deferred,
    check (valid_to > valid_from),
    check ((valid_to is null) = (end_reason is null)),
    constraint stage_version_overlap exclude using gist (
        int8range(account_id, account_id, '[]') with &&,
        int8range(stage_id, stage_id, '[]') with &&,
        tstzrange(valid_from, valid_to) with &&
    )
);
-- Serves reading what is open before a decision, and closing it.
create unique index stage_version_open on amocrm.stage_version (account_id, stage_id) where valid_to is null;

comment on table amocrm.stage_version is 'One row per state of a stage, from the snapshot that first showed it to the first that did not.';
comment on column amocrm.stage_version.account_id is 'The account.';
comment on column amocrm.stage_version.stage_id is 'amoCRM''s id of the stage.';
comment on column amocrm.stage_version.valid_from is 'observed_at of the first snapshot that showed this state.';
comment on column amocrm.stage_version.valid_to is 'observed_at of the first snapshot that did not. Null while it is the current state.';
comment on column amocrm.stage_version.end_reason is 'Why it ended: changed (another version follows), deleted (the API said so, asked for the id), mode_off (the customers mode was switched). Null while open.';
comment on column amocrm.stage_version.name is 'Name. Null where the API gave none.';
comment on column amocrm.stage_version.sort is 'Position among the stages. Null where the API gave no usable number.';
comment on column amocrm.stage_version.is_default is 'Whether it is a system stage, which cannot be deleted. Null where the API did not say.';
comment on column amocrm.stage_version.color is 'Colour with a leading #, as received.';
comment on column amocrm.stage_version.type is 'Type as received; amoCRM''s text and its example disagree on the meaning, so nothing is corrected here.';
comment on column amocrm.stage_version.rule_group_count is 'Number of groups of rules, empty ones included.';
comment on column amocrm.stage_version.extra is 'Properties that the vendor''s page does not know, as received. Null when there are none.';
comment on column amocrm.stage_version.content_hash is 'SHA-256 of all the API said of the stage: another hash is another version.';

create table amocrm.stage_rule (
    account_id bigint not null,
    stage_id bigint not null,
    valid_from timestamptz not null,
    group_position integer not null check (group_position >= 0),
    rule_position integer not null check (rule_position >= 0),
    type text,
    match jsonb,
    rule jsonb not null,
    primary key (account_id, stage_id, valid_from, group_position, rule_position),
    foreign key (account_id, stage_id, valid_from) references amocrm.stage_version
);

comment on table amocrm.stage_rule is 'One row per rule in the conditions of a stage''s version. How groups combine is undocumented: structure is kept, no meaning claimed.';
comment on column amocrm.stage_rule.account_id is 'The account.';
comment on column amocrm.stage_rule.stage_id is 'The stage.';
comment on column amocrm.stage_rule.valid_from is 'The version of the stage that the rule belongs to.';
comment on column amocrm.stage_rule.group_position is 'Position of the rule''s group, from 0.';
comment on column amocrm.stage_rule.rule_position is 'Position of the rule in its group, from 0.';
comment on column amocrm.stage_rule.type is 'Kind of rule, for example before_purchase, after_today, tag. Null where the API gave none.';
comment on column amocrm.stage_rule.match is 'What the rule compares with (match.value): a number or a list. Null where the API gave none.';
comment on column amocrm.stage_rule.rule is 'The whole rule as received.';
