-- What telling of sizes has to know of an account.
select account_id, timezone, country, customers_mode
from amocrm.account
where account_key = :account_key
