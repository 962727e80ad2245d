-- name: accounts_with_expired_responses
-- Includes accounts whose loads were never published.
select distinct account_id from amocrm.raw_answer where observed_at <= :until order by account_id

-- name: database_time
-- Current time by Postgres' clock.
select now()
