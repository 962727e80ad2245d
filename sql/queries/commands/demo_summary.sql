-- name: demo_row_count
-- Number of rows of the account's history, without raw responses.
select
    (select count(*) from amocrm.snapshot where account_id = :account_id)
    + (select count(*) from amocrm.stage_version where account_id = :account_id)
    + (select count(*) from amocrm.stage_rule where account_id = :account_id)
    + (select count(*) from amocrm.field_version where account_id = :account_id)
    + (select count(*) from amocrm.option_version where account_id = :account_id)
    + (select count(*) from amocrm.segment_version where account_id = :account_id)
    + (select count(*) from amocrm.segment_price_field where account_id = :account_id)
    + (select count(*) from amocrm.segment_field_value where account_id = :account_id)
    + (select count(*) from amocrm.segment_size where account_id = :account_id)
    + (select count(*) from amocrm.segment_size_daily where account_id = :account_id)
