-- Two tables side by side and nothing between them and a range of time, so that a question about one account, or the last
-- hour, reads just that.
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

comment on view analytics.load_outcomes is 'One row per account and load that came to an end: what became of it. A load that was killed, or that could not reach the database, has none.';
comment on column analytics.load_outcomes.account_id is 'The account. Null for an account that was never loaded.';
comment on column analytics.load_outcomes.account_key is 'The account''s key in the settings; of a load that succeeded, the one that it has now.';
comment on column analytics.load_outcomes.started_at is 'When it began to ask; of a load that succeeded, the snapshot''s observed_at.';
comment on column analytics.load_outcomes.ended_at is 'When it was published, by the database''s clock, or gave up, by the loader''s.';
comment on column analytics.load_outcomes.status is 'loaded; superseded: another load of the account was newer; or failed.';
comment on column analytics.load_outcomes.error is 'Kind of the error, as docs/operations.md lists them. Null where it was loaded.';
comment on column analytics.load_outcomes.message is 'What happened and what to do next. Null where it was loaded.';
comment on column analytics.load_outcomes.size_change_count is 'Segments whose size differs from the snapshot before. Null where nothing was loaded.';
comment on column analytics.load_outcomes.definition_change_count is 'Versions opened and closed against the snapshot before. Null where nothing was loaded.';
comment on column analytics.load_outcomes.request_count is 'Requests that it made. Null where nothing was loaded.';
comment on column analytics.load_outcomes.run_id is 'Dagster''s id of the run: all accounts of a fleet''s bucket have one together. Null for a load without Dagster.';
