-- The key that an account's history is under.
select account_key from amocrm.account where account_id = :account_id
