select stage_id, content_hash from amocrm.stage_version where account_id = :account_id and valid_to is null
