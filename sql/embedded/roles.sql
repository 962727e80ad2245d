-- Create the roles of an embedded server. Its superuser runs this in single-user mode, before the server accepts connections. The
-- setting amocrm.password is the password of the role warehouse, which owns the database and creates logins. It is not a superuser, so
-- its password gives no access to files or programs of this machine. The superuser has no password, so nobody can log in as it.
--
-- The role stays a superuser until revoke_superuser.sql, by which the next start recognizes an interrupted run.
--
-- In clusters of earlier versions the role warehouse is the bootstrap superuser, which cannot lose that right: it is renamed, and its
-- objects get the new owner (owner.sql). Idempotent.
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
    -- The role may grant roles that it created. These were created while it was the superuser. It does not become their member, since
    -- views show members of a reader only that reader's accounts.
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

