-- The accounts that have a history, by their keys.
select account_key, account_id, timezone from amocrm.account order by account_key
