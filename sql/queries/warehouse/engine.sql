-- name: session
-- Settings of every transaction, regardless of the defaults of server, database and role: output
-- formats that this program relies on, timeouts of statements and locks, and a search path with
-- Postgres' own schema only. Local to the transaction, since a pooler gives the connection to other
-- clients afterwards.
select
    set_config('search_path', 'pg_catalog, pg_temp', true),
    set_config('timezone', 'UTC', true),
    set_config('datestyle', 'ISO, YMD', true),
    set_config('intervalstyle', 'postgres', true),
    set_config('bytea_output', 'hex', true),
    set_config('standard_conforming_strings', 'on', true),
    set_config('statement_timeout', '10min', true),
    set_config('lock_timeout', '1min', true),
    set_config('idle_in_transaction_session_timeout', '15min', true)
