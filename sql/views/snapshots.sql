-- What can be left out of a question costs nothing: Postgres drops a left join to a key, and a subquery in the select
-- list, where nobody asks for their columns. So the views here prefer them to inner joins and window functions, which
-- would also keep a range of time from reaching the index.
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

comment on view analytics.snapshots is 'One row per snapshot: a moment at which all that amoCRM says of an account was read and stored as a whole.';
comment on column analytics.snapshots.account_id is 'The account.';
comment on column analytics.snapshots.account_key is 'The account''s key in the settings.';
comment on column analytics.snapshots.account_name is 'The account''s name as it is now.';
comment on column analytics.snapshots.observed_at is 'The instant the snapshot stands for.';
comment on column analytics.snapshots.observed_date is 'Its day in the account''s timezone.';
comment on column analytics.snapshots.previous_observed_at is 'The snapshot before. Null for the account''s first.';
comment on column analytics.snapshots.timezone is 'IANA name of the account''s timezone at that moment.';
comment on column analytics.snapshots.customers_mode is 'Customers mode at that moment: segments, periodicity (stages), disabled or unavailable.';
comment on column analytics.snapshots.stage_count is 'Stages seen. Null where the mode has none.';
comment on column analytics.snapshots.segment_count is 'Segments seen. Null where the mode has none.';
comment on column analytics.snapshots.field_count is 'Definitions of segment fields seen. Null where the mode has none.';
comment on column analytics.snapshots.option_count is 'Options of those fields seen. Null where the mode has none.';
comment on column analytics.snapshots.definition_change_count is 'Versions opened and closed against the snapshot before, of all things together; sizes aside.';
comment on column analytics.snapshots.size_change_count is 'Segments whose size differs from the snapshot before.';
comment on column analytics.snapshots.request_count is 'Requests that the load made.';
comment on column analytics.snapshots.byte_count is 'Bytes of all answers, decoded.';
comment on column analytics.snapshots.duration_seconds is 'Seconds that reading took.';
comment on column analytics.snapshots.code_version is 'Version of the software that made the snapshot.';
comment on column analytics.snapshots.run_id is 'Dagster''s id of the run. Null for a load without Dagster.';
