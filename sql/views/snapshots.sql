create or replace view analytics.snapshots as
select
    snapshot.account_id,
    account.account_key,
    account.name as account_name,
    snapshot.observed_at,
    snapshot.observed_date,
    snapshot.customers_mode,
    snapshot.stage_count,
    snapshot.segment_count,
    snapshot.field_count,
    snapshot.opened_count + snapshot.closed_count as definition_change_count,
    snapshot.size_change_count,
    snapshot.request_count,
    snapshot.byte_count,
    snapshot.duration_seconds,
    lag(snapshot.observed_at) over (partition by snapshot.account_id order by snapshot.observed_at) as previous_observed_at
from amocrm.snapshot
join amocrm.account using (account_id);

comment on view analytics.snapshots is 'One row per snapshot: a moment at which all that amoCRM says of an account was read and stored as a whole.';
comment on column analytics.snapshots.account_id is 'The account.';
comment on column analytics.snapshots.account_key is 'The account''s key in the settings.';
comment on column analytics.snapshots.account_name is 'The account''s name as it is now.';
comment on column analytics.snapshots.observed_at is 'The instant the snapshot stands for.';
comment on column analytics.snapshots.observed_date is 'Its day in the account''s timezone.';
comment on column analytics.snapshots.customers_mode is 'Customers mode at that moment: segments, periodicity (stages), disabled or unavailable.';
comment on column analytics.snapshots.stage_count is 'Stages seen. Null where the mode has none.';
comment on column analytics.snapshots.segment_count is 'Segments seen. Null where the mode has none.';
comment on column analytics.snapshots.field_count is 'Definitions of segment fields seen. Null where the mode has none.';
comment on column analytics.snapshots.definition_change_count is 'Versions opened and closed against the snapshot before, of all things together; sizes aside.';
comment on column analytics.snapshots.size_change_count is 'Segments whose size differs from the snapshot before.';
comment on column analytics.snapshots.request_count is 'Requests that the load made.';
comment on column analytics.snapshots.byte_count is 'Bytes of all answers, decoded.';
comment on column analytics.snapshots.duration_seconds is 'Seconds that reading took.';
comment on column analytics.snapshots.previous_observed_at is 'The snapshot before. Null for the account''s first.';
