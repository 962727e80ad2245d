select field_id, content_hash from amocrm.field_version where account_id = :account_id and valid_to is null
