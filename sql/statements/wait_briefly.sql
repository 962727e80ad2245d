-- In this transaction no lock is waited for long: what it would change can be changed at the next load.
select set_config('lock_timeout', '1s', true)
