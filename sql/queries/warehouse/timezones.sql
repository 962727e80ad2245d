-- name: known_timezone
-- The first of these timezones that the server knows.
select amocrm.known_timezone(cast(:names as text[]))

-- name: account_timezones
-- Timezones of all accounts, with the names by which the server knows them.
select account_id, timezone, database_timezone from amocrm.account order by account_id

-- name: set_database_timezone
update amocrm.account set database_timezone = :database_timezone where account_id = :account_id
