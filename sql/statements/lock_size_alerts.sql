-- Two loads of an account decide one after the other what to tell of. Publishing does not wait for it.
select pg_advisory_xact_lock(hashtextextended('amocrm.size_alert', :account_id))
