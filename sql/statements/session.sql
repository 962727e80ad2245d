-- What every session of ours begins with: names looked up nowhere but in Postgres' own schema,
-- instants shown in UTC, and no statement or lock waited for without end.
select
    set_config('search_path', 'pg_catalog, pg_temp', false),
    set_config('timezone', 'UTC', false),
    set_config('statement_timeout', '10min', false),
    set_config('lock_timeout', '1min', false),
    set_config('idle_in_transaction_session_timeout', '15min', false)
