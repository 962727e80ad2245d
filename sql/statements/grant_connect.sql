-- Let the roles that may use our schemas connect to this database, if they lack that: an administrator may have revoked it from
-- PUBLIC, as deploy/postgres-init.sh does. Nothing where our role may not grant it.
do $$
declare
    missing regrole;
begin
    for missing in
        select distinct acl.grantee::regrole
        from pg_catalog.pg_namespace
        cross join pg_catalog.aclexplode(nspacl) as acl
        where nspname in ('amocrm', 'analytics')
            and acl.grantee <> 0
            and not pg_catalog.has_database_privilege(acl.grantee, pg_catalog.current_database(), 'connect')
            and pg_catalog.has_database_privilege(pg_catalog.current_database(), 'connect with grant option')
    loop
        execute pg_catalog.format('grant connect on database %I to %s', pg_catalog.current_database(), missing);
    end loop;
end
$$
