-- The newest snapshot of an account at or before an instant, with the account as it was then as far as that is known.
select
    snapshot.observed_at, snapshot.customers_mode, snapshot.timezone,
    account.account_id, account.name, account.subdomain, account.country, account.currency
from amocrm.snapshot
join amocrm.account using (account_id)
where snapshot.account_id = :account_id and snapshot.observed_at <= :instant
order by snapshot.observed_at desc
limit 1
