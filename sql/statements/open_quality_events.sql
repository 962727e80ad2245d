select kind, thing, thing_id, detail from amocrm.quality_event where account_id = :account_id and valid_to is null
