update amocrm.account
set account_key = :account_key, host = :host, name = :name, subdomain = :subdomain, timezone = :timezone,
    customers_mode = :customers_mode, country = :country, currency = :currency
where account_id = :account_id
