-- A plain union, so that a filter on the account or the time reaches the indexes of both tables.
create or replace view analytics.load_outcomes as
select
    snapshot.account_id,
    (
        select account.account_key
        from amocrm.account
        where account.account_id = snapshot.account_id
    ) as account_key,
    snapshot.observed_at as started_at,
    snapshot.published_at as ended_at,
    'loaded' as status,
    null::text as error,
    null::text as message,
    snapshot.size_change_count,
    snapshot.opened_count + snapshot.closed_count as definition_change_count,
    snapshot.request_count,
    snapshot.run_id
from amocrm.snapshot
union all
select
    failure.account_id,
    failure.account_key || '' as account_key,
    failure.started_at + interval '0' as started_at,
    failure.failed_at as ended_at,
    case failure.error when 'Superseded' then 'superseded' else 'failed' end as status,
    failure.error,
    failure.message,
    null::integer as size_change_count,
    null::integer as definition_change_count,
    null::integer as request_count,
    failure.run_id
from amocrm.load_failure as failure;

comment on view analytics.load_outcomes is 'One row per finished load of an account, with its outcome. A load that was killed or could not reach the database has no row.';
comment on column analytics.load_outcomes.account_id is 'The account. Null for an account that was never loaded.';
comment on column analytics.load_outcomes.account_key is 'The account''s key in the settings; for a successful load, its current key.';
comment on column analytics.load_outcomes.started_at is 'When the load started; for a successful load, the snapshot''s observed_at.';
comment on column analytics.load_outcomes.ended_at is 'When it was published, by the database''s clock, or failed, by the loader''s clock.';
comment on column analytics.load_outcomes.status is 'loaded; superseded: another load of the account was newer; or failed.';
comment on column analytics.load_outcomes.error is 'Name of the error, see docs/operations.md. Null if the load succeeded.';
comment on column analytics.load_outcomes.message is 'What happened and what to do next. Null if the load succeeded.';
comment on column analytics.load_outcomes.size_change_count is 'Number of segments whose size differs from the previous snapshot. Null if the load failed.';
comment on column analytics.load_outcomes.definition_change_count is 'Number of versions opened and closed compared with the previous snapshot. Null if the load failed.';
comment on column analytics.load_outcomes.request_count is 'Number of requests. Null if the load failed.';
comment on column analytics.load_outcomes.run_id is 'Id of the Dagster run, which all accounts of a bucket share. Null for a load without Dagster.';
