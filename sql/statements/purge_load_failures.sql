delete from amocrm.load_failure where account_key = :account_key and started_at < :before
