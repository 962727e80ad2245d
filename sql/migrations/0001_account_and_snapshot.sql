-- The account, and the ledger of its snapshots: what everything else hangs from.
-- Written by the pipeline only. account_id leads every key, so that all tables can be distributed by it.

create table amocrm.account (
    account_id bigint primary key check (account_id > 0),
    account_key text not null unique,
    host text not null,
    name text,
    subdomain text,
    timezone text not null,
    customers_mode text not null check (customers_mode in ('unavailable', 'disabled', 'segments', 'periodicity')),
    country text,
    currency text
);

comment on table amocrm.account is 'One row per amoCRM account, as its newest snapshot described it.';
comment on column amocrm.account.account_id is 'amoCRM''s id of the account.';
comment on column amocrm.account.account_key is 'The account''s key in the settings. A key that is bound to one account is refused for another.';
comment on column amocrm.account.host is 'Host the account was last loaded from.';
comment on column amocrm.account.name is 'Name of the account. Null where the API gave none.';
comment on column amocrm.account.subdomain is 'Subdomain of the account. Null where the API gave none.';
comment on column amocrm.account.timezone is 'IANA name of the account''s timezone; its days and date fields follow it.';
comment on column amocrm.account.customers_mode is 'Customers mode: segments (dynamic segmentation), periodicity (recurring purchases: stages), disabled, or unavailable (not in the plan).';
comment on column amocrm.account.country is 'Two-letter country code. Null where the API gave none.';
comment on column amocrm.account.currency is 'Currency code. Null where the API gave none.';

create table amocrm.snapshot (
    account_id bigint not null references amocrm.account,
    observed_at timestamptz not null,
    observed_date date not null,
    load_id uuid not null,
    customers_mode text not null check (customers_mode in ('unavailable', 'disabled', 'segments', 'periodicity')),
    timezone text not null,
    stage_count integer check (stage_count >= 0),
    segment_count integer check (segment_count >= 0),
    field_count integer check (field_count >= 0),
    option_count integer check (option_count >= 0),
    opened_count integer not null check (opened_count >= 0),
    closed_count integer not null check (closed_count >= 0),
    size_change_count integer not null check (size_change_count >= 0),
    request_count integer not null check (request_count >= 0),
    byte_count bigint not null check (byte_count >= 0),
    duration_seconds double precision not null check (duration_seconds >= 0),
    code_version text not null,
    run_id text,
    published_at timestamptz not null default clock_timestamp(),
    primary key (account_id, observed_at),
    check ((stage_count is not null) = (customers_mode = 'periodicity')),
    check ((segment_count is not null) = (customers_mode = 'segments')),
    check ((field_count is not null) = (customers_mode = 'segments')),
    check ((option_count is not null) = (customers_mode = 'segments'))
);

comment on table amocrm.snapshot is 'One row per snapshot published: the ledger. All that belongs to a snapshot was committed together with its row.';
comment on column amocrm.snapshot.account_id is 'The account observed.';
comment on column amocrm.snapshot.observed_at is 'When the load began to ask the API: the instant the snapshot stands for. Strictly rising per account.';
comment on column amocrm.snapshot.observed_date is 'Day of observed_at in the account''s timezone of that moment.';
comment on column amocrm.snapshot.load_id is 'The load that made the snapshot; publishing it twice changes nothing.';
comment on column amocrm.snapshot.customers_mode is 'Customers mode at that moment. A change of mode is a break in the series, not a deletion.';
comment on column amocrm.snapshot.timezone is 'IANA name of the account''s timezone at that moment.';
comment on column amocrm.snapshot.stage_count is 'Stages seen. Null where the mode has none.';
comment on column amocrm.snapshot.segment_count is 'Segments seen. Null where the mode has none.';
comment on column amocrm.snapshot.field_count is 'Definitions of segment fields seen. Null where the mode has none.';
comment on column amocrm.snapshot.option_count is 'Options of those fields seen. Null where the mode has none.';
comment on column amocrm.snapshot.opened_count is 'Versions that this snapshot opened, of all things together.';
comment on column amocrm.snapshot.closed_count is 'Versions that this snapshot closed, of all things together.';
comment on column amocrm.snapshot.size_change_count is 'Segments whose size differs from the snapshot before, those that came and went included.';
comment on column amocrm.snapshot.request_count is 'Requests the load made, retries included.';
comment on column amocrm.snapshot.byte_count is 'Bytes of all answers, decoded.';
comment on column amocrm.snapshot.duration_seconds is 'Seconds from the first request to the last answer.';
comment on column amocrm.snapshot.code_version is 'Version of this software that made the snapshot.';
comment on column amocrm.snapshot.run_id is 'Dagster''s id of the run. Null for a load without Dagster.';
comment on column amocrm.snapshot.published_at is 'When the row was written, by the database''s clock.';

create table amocrm.load_failure (
    account_key text not null,
    started_at timestamptz not null,
    account_id bigint,
    failed_at timestamptz not null,
    error text not null,
    message text not null,
    run_id text,
    primary key (account_key, started_at)
);

comment on table amocrm.load_failure is 'One row per load that failed: why a snapshot is missing.';
comment on column amocrm.load_failure.account_key is 'The account''s key in the settings.';
comment on column amocrm.load_failure.started_at is 'When the load began.';
comment on column amocrm.load_failure.account_id is 'The account. Null when the failure came before it was known.';
comment on column amocrm.load_failure.failed_at is 'When it gave up.';
comment on column amocrm.load_failure.error is 'Kind of the error, as docs/operations.md lists them.';
comment on column amocrm.load_failure.message is 'What happened and what to do next. Holds no secret.';
comment on column amocrm.load_failure.run_id is 'Dagster''s id of the run. Null for a load without Dagster.';
