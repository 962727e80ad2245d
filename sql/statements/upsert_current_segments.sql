insert into amocrm.segment_current (account_id, segment_id, valid_from, customers_count, content_hash)
select :account_id, seen.segment_id, seen.valid_from, seen.customers_count, seen.content_hash
from unnest(
    cast(:segment_ids as bigint[]), cast(:valid_from as timestamptz[]), cast(:customers_counts as bigint[]), cast(:content_hashes as bytea[])
) as seen (segment_id, valid_from, customers_count, content_hash)
on conflict (account_id, segment_id) do update
set valid_from = excluded.valid_from, customers_count = excluded.customers_count, content_hash = excluded.content_hash
