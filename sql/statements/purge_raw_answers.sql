delete from amocrm.raw_answer where account_id = :account_id and observed_at <= :until
