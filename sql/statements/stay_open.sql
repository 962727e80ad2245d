-- This transaction may be idle for as long as it has to hold a lock.
select set_config('idle_in_transaction_session_timeout', '0', true)
