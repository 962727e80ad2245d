-- One row for the account: what it is, how fresh what is known of it is, and since when it is known.
select
    fresh.account_key,
    fresh.name,
    fresh.customers_mode,
    fresh.timezone,
    account.country,
    fresh.observed_at,
    fresh.observed_date,
    fresh.usual_seconds,
    fresh.is_late,
    fresh.failure_count,
    fresh.last_message,
    beginning.observed_date as first_date,
    (select count(*) from amocrm.snapshot where account_id = :account_id) as snapshot_count
from analytics.freshness as fresh
join amocrm.account using (account_id)
cross join lateral (
    select observed_date from amocrm.snapshot where account_id = :account_id order by observed_at limit 1
) as beginning
where fresh.account_id = :account_id
