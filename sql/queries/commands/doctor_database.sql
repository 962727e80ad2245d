-- name: doctor_database
-- Properties of the server, and if this role may write to the warehouse, or create it if it is
-- missing.
select
    current_setting('server_version') as version,
    current_database() as name,
    current_user as role_name,
    pg_is_in_recovery() or current_setting('default_transaction_read_only')::boolean as is_read_only,
    case
        when to_regclass('amocrm.snapshot') is null then has_database_privilege(current_database(), 'create')
        else has_table_privilege('amocrm.snapshot', 'insert')
    end as may_write
