-- Names this database's roles for statements of the same transaction that take no parameters.
select
    set_config('amocrm.reader', :reader, true),
    set_config('amocrm.loader', :loader, true),
    set_config('amocrm.views_owner', :views, true),
    set_config('amocrm.account_reader', :account_reader, true)
