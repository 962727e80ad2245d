select field_id, option_id, content_hash from amocrm.option_version where account_id = :account_id and valid_to is null
