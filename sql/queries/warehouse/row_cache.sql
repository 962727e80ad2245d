-- name: upsert_row_cache
-- What reading an account's rows gave.
insert into amocrm.row_memory (account_id, reading_code, segments)
values (:account_id, :reading_code, cast(:segments as jsonb))
on conflict (account_id) do update set reading_code = excluded.reading_code, segments = excluded.segments

-- name: row_cache
-- What reading an account's rows gave, where this code read them.
select segments from amocrm.row_memory where account_id = :account_id and reading_code = :reading_code
