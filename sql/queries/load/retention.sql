-- name: accounts_with_expired_responses
-- Of a load that was never published too: its account may not be known otherwise.
select distinct account_id from amocrm.raw_answer where observed_at <= :until order by account_id

-- name: database_time
-- What time it is by Postgres' clock.
select now()
