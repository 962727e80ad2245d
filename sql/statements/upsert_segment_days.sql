-- The day's row follows the newest snapshot of that day; least() and greatest() pass over a null.
insert into amocrm.segment_size_daily as day (account_id, segment_id, observed_date, last_count, min_count, max_count)
select :account_id, seen.segment_id, :observed_date, seen.customers_count, seen.customers_count, seen.customers_count
from unnest(cast(:segment_ids as bigint[]), cast(:customers_counts as bigint[])) as seen (segment_id, customers_count)
on conflict (account_id, segment_id, observed_date) do update
set last_count = excluded.last_count,
    min_count = least(day.min_count, excluded.min_count),
    max_count = greatest(day.max_count, excluded.max_count)
