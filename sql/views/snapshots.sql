-- If a query does not select their columns, Postgres removes a left join on a key and a subquery in
-- the select list. So the views here use these instead of inner joins and window functions, which
-- would also prevent index scans for a time range.
create or replace view analytics.snapshots as
select
    snapshot.account_id,
    account.account_key || '' as account_key,
    account.name as account_name,
    snapshot.observed_at,
    snapshot.observed_date,
    (
        select max(earlier.observed_at)
        from amocrm.snapshot as earlier
        where earlier.account_id = snapshot.account_id and earlier.observed_at < snapshot.observed_at
    ) as previous_observed_at,
    snapshot.timezone,
    snapshot.customers_mode,
    snapshot.stage_count,
    snapshot.segment_count,
    snapshot.field_count,
    snapshot.option_count,
    snapshot.opened_count + snapshot.closed_count as definition_change_count,
    snapshot.size_change_count,
    snapshot.request_count,
    snapshot.byte_count,
    snapshot.duration_seconds,
    snapshot.code_version,
    snapshot.run_id
from amocrm.snapshot
left join amocrm.account using (account_id);

comment on view analytics.snapshots is 'One row per snapshot: the complete state of an account at one instant, as amoCRM''s API shows it.';
comment on column analytics.snapshots.account_id is 'The account.';
comment on column analytics.snapshots.account_key is 'The account''s key in the settings.';
comment on column analytics.snapshots.account_name is 'The account''s current name.';
comment on column analytics.snapshots.observed_at is 'The instant of the snapshot.';
comment on column analytics.snapshots.observed_date is 'Its day in the account''s timezone.';
comment on column analytics.snapshots.previous_observed_at is 'The previous snapshot. Null for the account''s first.';
comment on column analytics.snapshots.timezone is 'IANA name of the account''s timezone at that moment.';
comment on column analytics.snapshots.customers_mode is 'Customers mode at that moment: segments, periodicity (stages), disabled or unavailable.';
comment on column analytics.snapshots.stage_count is 'Number of stages. Null if the mode has none.';
comment on column analytics.snapshots.segment_count is 'Number of segments. Null if the mode has none.';
comment on column analytics.snapshots.field_count is 'Number of segment fields. Null if the mode has none.';
comment on column analytics.snapshots.option_count is 'Number of options of these fields. Null if the mode has none.';
comment on column analytics.snapshots.definition_change_count is 'Number of versions of all entities opened and closed compared with the previous snapshot. Does not count sizes.';
comment on column analytics.snapshots.size_change_count is 'Number of segments whose size differs from the previous snapshot.';
comment on column analytics.snapshots.request_count is 'Number of requests of the load.';
comment on column analytics.snapshots.byte_count is 'Size of all responses in bytes, decompressed.';
comment on column analytics.snapshots.duration_seconds is 'Duration of fetching, in seconds.';
comment on column analytics.snapshots.code_version is 'Version of the program that loaded the snapshot.';
comment on column analytics.snapshots.run_id is 'Id of the Dagster run. Null for a load without Dagster.';
