-- Make the role warehouse the owner of everything in this database that the bootstrap superuser owns. In earlier versions the role
-- was that superuser. REASSIGN OWNED rejects the bootstrap superuser.
do $$
declare
    first_superuser constant oid := 10;
    statement text;
begin
    for statement in
        select format('alter schema %I owner to warehouse', nspname)
        from pg_namespace
        where nspowner = first_superuser and oid >= 16384 and nspname !~ '^pg_'
        union all
        select format(
            'alter %s %s owner to warehouse',
            case relkind when 'v' then 'view' when 'm' then 'materialized view' when 'S' then 'sequence' when 'f' then 'foreign table'
            else 'table' end,
            oid::regclass
        )
        from pg_class as relation
        where relowner = first_superuser
            and oid >= 16384
            and relkind in ('r', 'p', 'v', 'm', 'S', 'f')
            and relnamespace not in (select oid from pg_namespace where nspname ~ '^pg_')
            and not exists (
                -- Sequences of columns and of extensions change owner with these.
                select
                from pg_depend
                where classid = 'pg_class'::regclass and objid = relation.oid and deptype in ('a', 'i', 'e') and relkind = 'S'
            )
        union all
        select format('alter routine %s owner to warehouse', oid::regprocedure)
        from pg_proc
        where proowner = first_superuser and oid >= 16384
        union all
        select format('alter type %s owner to warehouse', type.oid::regtype)
        from pg_type as type
        left join pg_class as relation on relation.oid = type.typrelid
        where typowner = first_superuser
            and type.oid >= 16384
            and (typtype in ('e', 'd', 'r') or relation.relkind = 'c')
        union all
        select format('alter large object %s owner to warehouse', oid)
        from pg_largeobject_metadata
        where lomowner = first_superuser
        union all
        select format('alter default privileges in schema %s revoke all on tables from %s', later.defaclnamespace::regnamespace, acl.grantee::regrole)
        from pg_default_acl as later
        cross join aclexplode(later.defaclacl) as acl
        where later.defaclrole = first_superuser and later.defaclobjtype = 'r' and later.defaclnamespace <> 0 and acl.grantee <> 0
    loop
        execute statement;
    end loop;
end
$$;

