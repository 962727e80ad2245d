-- name: session
-- Settings of every transaction, regardless of the defaults of server, database and role: everything
-- that changes the meaning of a statement or the format of a value, timeouts of statements and
-- locks, and a search path with Postgres' own schema only. Local to the transaction, since a pooler
-- gives the connection to other clients afterwards. Settings below the empty line are set only if
-- they exist in this version and differ; some of them only a superuser may set, and Postgres then
-- names the setting. Every name is qualified, because the search path is not ours yet.
select
    pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true),
    pg_catalog.set_config('client_encoding', 'UTF8', true),
    pg_catalog.set_config('timezone', 'UTC', true),
    pg_catalog.set_config('datestyle', 'ISO, YMD', true),
    pg_catalog.set_config('intervalstyle', 'postgres', true),
    pg_catalog.set_config('bytea_output', 'hex', true),
    pg_catalog.set_config('extra_float_digits', '1', true),
    pg_catalog.set_config('standard_conforming_strings', 'on', true),
    pg_catalog.set_config('array_nulls', 'on', true),
    pg_catalog.set_config('row_security', 'on', true),
    pg_catalog.set_config('statement_timeout', '10min', true),
    pg_catalog.set_config('lock_timeout', '1min', true),
    pg_catalog.set_config('idle_in_transaction_session_timeout', '15min', true),

    (
        select pg_catalog.count(pg_catalog.set_config(wanted.name, wanted.value, true))
        from (
            values
                ('transaction_timeout', '0'),
                ('session_replication_role', 'origin'),
                ('transform_null_equals', 'off'),
                ('exit_on_error', 'off'),
                ('quote_all_identifiers', 'off'),
                ('createrole_self_grant', ''),
                ('restrict_nonsystem_relation_kind', '')
        ) as wanted (name, value)
        where pg_catalog.current_setting(wanted.name, true) operator(pg_catalog.<>) wanted.value
    )
