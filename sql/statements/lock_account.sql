-- Publishing into one account happens one after the other: whoever holds this row decides on what is stored.
select account_key, host, name, subdomain, timezone, customers_mode, country, currency
from amocrm.account
where account_id = :account_id
for no key update
