-- The account that a key of the settings is bound to.
select account_id from amocrm.account where account_key = :account_key
