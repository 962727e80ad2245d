-- Makes the account's row if this is its first snapshot, so that there is a row to lock. Without a
-- target: of two first loads at once the second may meet the first in either key.
insert into amocrm.account (account_id, account_key, host, name, subdomain, timezone, customers_mode, country, currency)
values (:account_id, :account_key, :host, :name, :subdomain, :timezone, :customers_mode, :country, :currency)
on conflict do nothing
