-- Keeping and purging one account's raw answers exclude each other: a body must not go while an answer to it arrives.
select pg_advisory_xact_lock(hashtextextended('amocrm.raw_answer', :account_id))
