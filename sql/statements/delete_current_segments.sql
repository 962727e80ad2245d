delete from amocrm.segment_current
where account_id = :account_id and segment_id = any (cast(:segment_ids as bigint[]))
