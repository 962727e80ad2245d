-- The load that made the snapshot of an instant, if there is one.
select load_id from amocrm.snapshot where account_id = :account_id and observed_at = :observed_at
