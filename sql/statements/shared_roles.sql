-- Roles of this database to which another database of the server was granted something as well, and the logins in them.
select
    role.name,
    array_agg(distinct other.datname::text order by other.datname::text) as database_names,
    array(
        select login.rolname::text
        from pg_roles as login
        where login.rolcanlogin and not login.rolsuper and pg_has_role(login.oid, to_regrole(quote_ident(role.name)), 'member')
        order by 1
    ) as logins
from amocrm.role_name as role
join pg_shdepend as depend
    on depend.refclassid = 'pg_authid'::regclass and depend.refobjid = to_regrole(quote_ident(role.name))
join pg_database as other on other.oid = depend.dbid and other.datname <> current_database()
group by role.name
order by role.name
