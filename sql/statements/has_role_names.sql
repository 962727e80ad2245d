-- Whether this database stores which roles are its own, where the role that asks can read it: migration 0013 makes the table.
select exists (
    select
    from pg_class as relation
    join pg_namespace as namespace on namespace.oid = relation.relnamespace
    where namespace.nspname = 'amocrm'
        and relation.relname = 'role_name'
        and has_schema_privilege(namespace.oid, 'usage')
        and has_table_privilege(relation.oid, 'select')
)
