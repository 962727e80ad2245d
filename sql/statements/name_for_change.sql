-- What lock_for_change is to lock, in this transaction. A block takes no parameters.
select
    set_config('amocrm.tables', :tables, true),
    set_config('amocrm.referred', :referred, true),
    set_config('amocrm.views', :views, true)
