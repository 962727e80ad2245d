select segment_id, content_hash, customers_count, valid_from from amocrm.segment_current where account_id = :account_id
