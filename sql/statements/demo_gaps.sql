-- One row per stretch without a successful load: the last snapshot before it and the first one after, oldest first.
select
    snapshot.previous_observed_at,
    snapshot.observed_at
from analytics.snapshots as snapshot
where snapshot.account_id = :account_id
    and snapshot.observed_at - snapshot.previous_observed_at > make_interval(hours => :hours)
order by snapshot.observed_at
