-- name: summary_account
-- One row for the account: its properties, the start of its history, and the cost of its loads so
-- far.
select
    account.account_id,
    account.name,
    account.customers_mode,
    account.timezone,
    count(*) as snapshot_count,
    min(snapshot.observed_at) as first_observed_at,
    max(snapshot.observed_at) as last_observed_at,
    sum(snapshot.request_count) as request_count,
    cast(sum(snapshot.byte_count) as bigint) as byte_count,
    sum(snapshot.duration_seconds) as duration_seconds
from amocrm.account
join amocrm.snapshot using (account_id)
where account.account_id = :account_id
group by account.account_id

-- name: summary_stages
-- One row per stage in order, with its rules and the time of its last change.
select
    stage.stage_id,
    stage.name,
    stage.is_default,
    stage.conditions,
    stage.conditions_text,
    case when exists (
        select from analytics.snapshots as earlier
        where earlier.account_id = stage.account_id and earlier.observed_at < stage.state_since_at
    ) then stage.state_since_at end as changed_at
from analytics.stages as stage
where stage.account_id = :account_id
order by stage.sort, stage.stage_id
