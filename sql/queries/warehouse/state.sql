-- name: account_of_key
-- Account that a key of the settings is bound to.
select account_id from amocrm.account where account_key = :account_key

-- name: current_segments
select segment_id, content_hash, customers_count, valid_from from amocrm.segment_current where account_id = :account_id

-- name: key_of_account
-- Key of an account's history.
select account_key from amocrm.account where account_id = :account_id

-- name: latest_snapshot
select observed_at, observed_date
from amocrm.snapshot
where account_id = :account_id
order by observed_at desc
limit 1

-- name: open_fields
select field_id, content_hash from amocrm.field_version where account_id = :account_id and valid_to is null

-- name: open_options
select field_id, option_id, content_hash from amocrm.option_version where account_id = :account_id and valid_to is null

-- name: open_quality_events
select kind, thing, thing_id, detail from amocrm.quality_event where account_id = :account_id and valid_to is null

-- name: open_stages
select stage_id, content_hash from amocrm.stage_version where account_id = :account_id and valid_to is null
