-- name: session
-- What every transaction of ours begins with: values read and written in the forms that this program relies on, whatever the server, the
-- database or the role say, and no statement or lock waited for without end. Names are looked up in Postgres' own schema only. Local to the transaction: a pooler gives the server's
-- connection to other clients afterwards.
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
