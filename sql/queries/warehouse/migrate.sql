-- name: applied_migrations
-- Applied migrations, in order.
select version, name, checksum
from amocrm.schema_migration
order by version

-- name: delete_view
-- Delete the record of a view that is no longer part of the program.
delete from amocrm.schema_view
where name = :name

-- name: insert_migration
-- Record a migration, in its own transaction.
insert into amocrm.schema_migration (version, name, checksum)
values (:version, :name, :checksum)

-- name: save_view_grants
-- Before views are dropped, save the privileges of other roles on them, as the statements that
-- grant them again.
update amocrm.schema_view
set grants = granted.grants
from (
    select
        relation.relname::text as name,
        array_agg(
            format(
                'grant %s on analytics.%I to %s%s',
                acl.privilege_type,
                relation.relname,
                case when acl.grantee = 0 then 'public' else quote_ident(pg_get_userbyid(acl.grantee)) end,
                case when acl.is_grantable then ' with grant option' else '' end
            )
        ) as grants
    from pg_class as relation
    cross join aclexplode(relation.relacl) as acl
    where relation.relnamespace = 'analytics'::regnamespace and acl.grantee <> relation.relowner
    group by relation.relname
) as granted
where schema_view.name = granted.name

-- name: lock_schema
-- Take the migration lock until the transaction ends. Readers and loaders may not take it. A role
-- without the privilege cannot migrate, and can only find that the schema is current. Statements of
-- migrations may take longer than others.
do $$
begin
    perform set_config('statement_timeout', '0', true);
    if has_table_privilege('amocrm.schema_migration', 'update, delete, truncate') then
        lock table amocrm.schema_migration in share row exclusive mode;
    end if;
end
$$

-- name: created_views
-- Views that this program created, and if they still exist.
select name, checksum, to_regclass(format('analytics.%I', name)) is not null as is_there
from amocrm.schema_view
order by name

-- name: restore_view_grants
-- After views were re-created, grant the saved privileges again. Skip roles that no longer exist.
do $$
declare
    kept text;
begin
    for kept in select unnest(grants) from amocrm.schema_view loop
        begin
            execute kept;
        exception when undefined_object then null;
        end;
    end loop;
    update amocrm.schema_view set grants = '{}' where grants <> '{}';
end
$$

-- name: schema_exists
-- True if a migration was ever started in this database.
select to_regclass('amocrm.schema_migration') is not null

-- name: upsert_view
-- Record a view as created by this program.
insert into amocrm.schema_view (name, checksum)
values (:name, :checksum)
on conflict (name) do update set checksum = excluded.checksum

-- name: existing_relations
-- Names of all objects in the schema amocrm: tables, indexes, types, functions.
select relname::text as name
from pg_class
where relnamespace = 'amocrm'::regnamespace
union
select typname::text
from pg_type
where typnamespace = 'amocrm'::regnamespace
union
select proname::text
from pg_proc
where pronamespace = 'amocrm'::regnamespace
