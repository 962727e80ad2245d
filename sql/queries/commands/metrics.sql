-- name: account_metrics
-- One row per account that was loaded, or that failed and was never loaded, by key. See commands/metrics.py.
select
    account.account_key,
    coalesce(account.name, '') as name,
    account.customers_mode,
    extract(epoch from newest.observed_at) as last_snapshot_timestamp_seconds,
    newest.duration_seconds as last_snapshot_duration_seconds,
    newest.request_count as last_snapshot_requests,
    newest.byte_count as last_snapshot_response_bytes,
    newest.size_change_count + newest.definition_change_count as last_snapshot_changes,
    newest.segment_count as segments,
    newest.stage_count as stages,
    scan.customers_count as customers,
    extract(epoch from scan.started_at) as last_scan_timestamp_seconds,
    cast(account.is_late as integer) as late,
    account.failure_count as failed_loads
from analytics.freshness as account
join analytics.snapshots as newest using (account_id, observed_at)
left join lateral (
    select one.customers_count, one.started_at
    from analytics.scans as one
    where one.account_id = account.account_id
    order by one.started_at desc
    limit 1
) as scan on true
union all
select
    failure.account_key,
    null, null, null, null, null, null, null, null, null, null, null, null,
    count(*)
from amocrm.load_failure as failure
where not exists (select from amocrm.account where account.account_key = failure.account_key)
group by failure.account_key
order by account_key
