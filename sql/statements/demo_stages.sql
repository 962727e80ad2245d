-- One row per stage, in their order, with its rules and since when it is as it is.
select
    stage.name,
    stage.is_default,
    stage.conditions,
    case when exists (
        select from analytics.snapshots as earlier
        where earlier.account_id = stage.account_id and earlier.observed_at < stage.state_since_at
    ) then stage.state_since_at end as changed_at
from analytics.stages as stage
where stage.account_id = :account_id
order by stage.sort, stage.stage_id
