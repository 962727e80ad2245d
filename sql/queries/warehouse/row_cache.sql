-- name: upsert_row_cache
-- Replace an account's row cache.
insert into amocrm.row_memory (account_id, reading_code, segments)
values (:account_id, :reading_code, cast(:segments as jsonb))
on conflict (account_id) do update set reading_code = excluded.reading_code, segments = excluded.segments

-- name: row_cache
-- An account's row cache, if this code wrote it.
select segments from amocrm.row_memory where account_id = :account_id and reading_code = :reading_code
