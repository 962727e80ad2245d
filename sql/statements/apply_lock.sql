-- One apply at a time in an account, until its session ends; false where another one is at work.
select pg_try_advisory_lock(hashtextextended('amocrm.write_back', :account_id))
