-- name: close_fields
update amocrm.field_version as version
set valid_to = :valid_to, end_reason = ended.reason
from unnest(cast(:field_ids as bigint[]), cast(:reasons as text[])) as ended (field_id, reason)
where version.account_id = :account_id and version.field_id = ended.field_id and version.valid_to is null

-- name: close_options
update amocrm.option_version as version
set valid_to = :valid_to, end_reason = ended.reason
from unnest(cast(:field_ids as bigint[]), cast(:option_ids as bigint[]), cast(:reasons as text[]))
    as ended (field_id, option_id, reason)
where version.account_id = :account_id
    and version.field_id = ended.field_id
    and version.option_id = ended.option_id
    and version.valid_to is null

-- name: close_quality_events
update amocrm.quality_event as event
set valid_to = :valid_to
from unnest(cast(:kinds as text[]), cast(:things as text[]), cast(:thing_ids as bigint[]), cast(:details as text[]))
    as ended (kind, thing, thing_id, detail)
where event.account_id = :account_id
    and event.kind = ended.kind
    and event.thing = ended.thing
    and event.thing_id = ended.thing_id
    and event.detail = ended.detail
    and event.valid_to is null

-- name: close_segments
update amocrm.segment_version as version
set valid_to = :valid_to, end_reason = ended.reason
from unnest(cast(:segment_ids as bigint[]), cast(:reasons as text[])) as ended (segment_id, reason)
where version.account_id = :account_id and version.segment_id = ended.segment_id and version.valid_to is null

-- name: close_stages
update amocrm.stage_version as version
set valid_to = :valid_to, end_reason = ended.reason
from unnest(cast(:stage_ids as bigint[]), cast(:reasons as text[])) as ended (stage_id, reason)
where version.account_id = :account_id and version.stage_id = ended.stage_id and version.valid_to is null

-- name: delete_current_segments
delete from amocrm.segment_current
where account_id = :account_id and segment_id = any (cast(:segment_ids as bigint[]))

-- name: insert_account
-- Insert the account's row for its first snapshot, so that there is a row to lock. ON CONFLICT has
-- no target, since two concurrent first loads may conflict in either key.
insert into amocrm.account (account_id, account_key, host, name, subdomain, timezone, customers_mode, country, currency)
values (:account_id, :account_key, :host, :name, :subdomain, :timezone, :customers_mode, :country, :currency)
on conflict do nothing

-- name: insert_snapshot
-- Inserted last: the snapshot exists once this row is committed.
insert into amocrm.snapshot (
    account_id, observed_at, observed_date, load_id, customers_mode, timezone,
    stage_count, segment_count, field_count, option_count,
    opened_count, closed_count, size_change_count,
    request_count, byte_count, duration_seconds, code_version, run_id
)
values (
    :account_id, :observed_at, :observed_date, :load_id, :customers_mode, :timezone,
    :stage_count, :segment_count, :field_count, :option_count,
    :opened_count, :closed_count, :size_change_count,
    :request_count, :byte_count, :duration_seconds, :code_version, :run_id
)

-- name: load_of_snapshot
-- The load of the snapshot at an instant, with its counts, if there is one.
select load_id, opened_count, closed_count, size_change_count from amocrm.snapshot where account_id = :account_id and observed_at = :observed_at

-- name: lock_account
-- Serialize publishing per account: only the holder of this row lock compares with and changes the
-- stored state.
select account_key, host, name, subdomain, timezone, customers_mode, country, currency, database_timezone
from amocrm.account
where account_id = :account_id
for no key update

-- name: update_account
update amocrm.account
set account_key = :account_key, host = :host, name = :name, subdomain = :subdomain, timezone = :timezone,
    customers_mode = :customers_mode, country = :country, currency = :currency, database_timezone = :database_timezone
where account_id = :account_id

-- name: upsert_current_segments
insert into amocrm.segment_current (account_id, segment_id, valid_from, customers_count, content_hash)
select :account_id, seen.segment_id, seen.valid_from, seen.customers_count, seen.content_hash
from unnest(
    cast(:segment_ids as bigint[]), cast(:valid_from as timestamptz[]), cast(:customers_counts as bigint[]), cast(:content_hashes as bytea[])
) as seen (segment_id, valid_from, customers_count, content_hash)
on conflict (account_id, segment_id) do update
set valid_from = excluded.valid_from, customers_count = excluded.customers_count, content_hash = excluded.content_hash

-- name: upsert_segment_days
-- The row has the size of the day's latest snapshot. least() and greatest() ignore nulls.
insert into amocrm.segment_size_daily as day (account_id, segment_id, observed_date, last_count, min_count, max_count)
select :account_id, seen.segment_id, :observed_date, seen.customers_count, seen.customers_count, seen.customers_count
from unnest(cast(:segment_ids as bigint[]), cast(:customers_counts as bigint[])) as seen (segment_id, customers_count)
on conflict (account_id, segment_id, observed_date) do update
set last_count = excluded.last_count,
    min_count = least(day.min_count, excluded.min_count),
    max_count = greatest(day.max_count, excluded.max_count)

-- name: use_indexes
-- Use indexes even on seemingly empty tables, until the transaction ends. The plan of a foreign key
-- check is cached per session: with statistics of empty tables, each check of a first load would
-- scan a whole table.
select set_config('enable_seqscan', 'off', true)
