-- name: transitions_in_run
-- Outcomes of these accounts' loads in a Dagster run, or without Dagster since an instant, and of
-- what the webhook was notified before. Accounts without an outcome in the run are left out. A
-- superseded load is not a failure, since a newer one succeeded.
select
    chosen.account_key,
    coalesce(loaded.observed_at, failed.last_at) as ended_at,
    case when loaded.observed_at is null then failed.last_error end as error,
    notice.failed_at as before_at,
    notice.error as error_before,
    coalesce(first.started_at, notice.failing_since, loaded.observed_at) as since
from unnest(cast(:account_keys as text[])) as chosen (account_key)
left join amocrm.account on account.account_key = chosen.account_key
cross join lateral (
    select
        min(failure.started_at) as first_at,
        max(failure.started_at) as last_at,
        (array_agg(failure.error order by failure.started_at desc))[1] as last_error
    from amocrm.load_failure as failure
    where
        failure.account_key = chosen.account_key
        and failure.run_id is not distinct from cast(:run_id as text)
        and failure.started_at >= :started_at
        and failure.error <> 'Superseded'
) as failed
left join lateral (
    select snapshot.observed_at
    from amocrm.snapshot
    where
        snapshot.account_id = account.account_id
        and snapshot.run_id is not distinct from cast(:run_id as text)
        and snapshot.observed_at >= :started_at
        and snapshot.observed_at > coalesce(failed.last_at, '-infinity')
    order by snapshot.observed_at desc
    limit 1
) as loaded on true
cross join lateral (
    select coalesce(max(snapshot.observed_at), '-infinity') as observed_at
    from amocrm.snapshot
    where
        snapshot.account_id = account.account_id
        and snapshot.observed_at < coalesce(failed.first_at, loaded.observed_at)
) as success
-- A notification about failures before the last success says nothing about the present ones.
left join amocrm.failure_notice as notice
    on notice.account_key = chosen.account_key
    and not notice.is_scan
    and (loaded.observed_at is not null or notice.failed_at > success.observed_at)
left join lateral (
    select failure.started_at
    from amocrm.load_failure as failure
    where
        failure.account_key = chosen.account_key
        and failure.started_at > success.observed_at
        and failure.error <> 'Superseded'
    order by failure.started_at
    limit 1
) as first on true
where failed.last_at is not null or loaded.observed_at is not null
order by chosen.account_key

-- name: upsert_failure_notice
insert into amocrm.failure_notice (account_key, is_scan, error, failing_since, failed_at, notified_at)
values (:account_key, :is_scan, :error, :failing_since, :failed_at, now())
on conflict (account_key, is_scan) do update set
    error = excluded.error,
    failing_since = excluded.failing_since,
    failed_at = excluded.failed_at,
    notified_at = excluded.notified_at

-- name: delete_failure_notice
delete from amocrm.failure_notice where account_key = :account_key and is_scan = :is_scan

-- name: scan_notices
-- Accounts whose failing scans a receiver was notified of.
select account_key, error, failing_since, failed_at from amocrm.failure_notice where is_scan

-- name: failing_keys
-- Accounts whose latest load failed. A superseded load is not a failure, since a newer one
-- succeeded.
select failure.account_key
from amocrm.load_failure as failure
left join amocrm.account using (account_key)
where failure.started_at <= now() + interval '2 days' -- later rows come from a wrong clock
group by failure.account_key, account.account_id
having max(failure.started_at) > coalesce(
    (select max(snapshot.observed_at) from amocrm.snapshot where snapshot.account_id = account.account_id),
    '-infinity'
)

-- name: keys_loaded_in_runs
-- Accounts with a snapshot of one of these runs, which a re-executed run skips.
select account.account_key
from amocrm.snapshot
join amocrm.account using (account_id)
where snapshot.run_id = any(:run_ids) and snapshot.observed_at > :since
