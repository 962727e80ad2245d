-- Makes the account's row if this is its first snapshot, so that there is a row to lock.
insert into amocrm.account (account_id, account_key, host, name, subdomain, timezone, customers_mode, country, currency)
values (:account_id, :account_key, :host, :name, :subdomain, :timezone, :customers_mode, :country, :currency)
on conflict (account_id) do nothing
