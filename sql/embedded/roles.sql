-- The roles of an embedded server, by its superuser in single-user mode, before the server is there for anybody. The setting
-- amocrm.password is the password of the role warehouse. That role owns the warehouse and makes logins; it is no superuser, so that its
-- password gives nobody the files or the programs of this machine. Nobody can log in as the superuser, who has no password.
--
-- It stays superuser until done.sql, so that the next start sees it where this was cut short.
--
-- In clusters of earlier versions the role warehouse is the superuser that initdb made, who cannot become less: it gets another name,
-- and what it owns gets the new owner (owner.sql). Doing it again changes nothing.
do $$
declare
    first_superuser constant oid := 10;
    statement text;
begin
    if exists (select from pg_roles where oid = first_superuser and rolname = 'warehouse') then
        create role embedded_mending superuser;
        set local session authorization embedded_mending;
        execute format(
            'alter role warehouse rename to %I', case when to_regrole('postgres') is null then 'postgres' else 'embedded_postgres' end
        );
        -- Single-user mode has no default to return to.
        execute format('set local session authorization %I', (select rolname from pg_roles where oid = first_superuser));
        execute format('alter role %I password null', current_user);
        drop role embedded_mending;
    end if;
    if to_regrole('warehouse') is null then
        execute format('create role warehouse login superuser createdb createrole password %L', current_setting('amocrm.password'));
    end if;
    -- Roles of its own it may grant anyway: these are of the time when it was the superuser. It does not become their member, since
    -- views show a reader's member the reader's accounts only.
    for statement in
        select format('grant %I to warehouse with admin true, inherit false, set false', rolname)
        from pg_roles
        where current_setting('server_version_num')::integer >= 160000
            and oid >= 16384
            and not rolsuper
            and rolname not in ('warehouse', 'amocrm_views')
            and not exists (
                select
                from pg_auth_members as membership
                where membership.roleid = pg_roles.oid
                    and membership.member = to_regrole('warehouse')
                    and membership.admin_option
            )
        union all
        select 'grant amocrm_views to warehouse with admin option'
        where to_regrole('amocrm_views') is not null
        union all
        select format('alter database %I owner to warehouse', datname)
        from pg_database
        where datdba = first_superuser and datname not in ('postgres', 'template0', 'template1')
    loop
        execute statement;
    end loop;
end
$$;

