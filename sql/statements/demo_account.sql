-- One row for the account: what it is, since when it is observed, and what observing it has cost so far.
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
where account.account_key = :account_key
group by account.account_id
