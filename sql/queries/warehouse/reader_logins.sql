-- name: is_another_role
-- True if a role of this name exists and is not a login created for this reader's role: a role with
-- other privileges must not get a new password.
select exists (
    select
    from pg_roles as login
    where login.rolname = :login
        and (
            not login.rolcanlogin
            or login.rolsuper
            or login.rolcreaterole
            or login.rolcreatedb
            or not exists (
                select from pg_auth_members as membership
                where membership.member = login.oid and membership.roleid = to_regrole(quote_ident(:role))
            )
            or exists (
                select from pg_auth_members as membership
                where membership.member = login.oid and membership.roleid <> to_regrole(quote_ident(:role))
            )
        )
)

-- name: logins_without_limit
-- One row per login in one of our reader roles that lacks a limit, with the statements that set it.
-- Members do not inherit a role's settings, so each login has its own. Zero means no limit. Logins
-- that load or own the schema are left out.
with wanted (name, setting) as (
    values
        ('statement_timeout', '60s'),
        ('idle_in_transaction_session_timeout', '60s'),
        ('lock_timeout', '10s'),
        ('idle_session_timeout', '1h')
)

select
    login.rolname::text as login,
    string_agg(lacking.change, ' ' order by lacking.change) as changes
from pg_roles as login
cross join lateral (
    select format('alter role %I connection limit 10;', login.rolname)
    where login.rolconnlimit < 0
    union all
    select format('alter role %I set %I = %L;', login.rolname, wanted.name, wanted.setting)
    from wanted
    where not exists (
        select
        from pg_db_role_setting as kept
        cross join unnest(kept.setconfig) as assignment
        where kept.setrole = login.oid
            and kept.setdatabase in (0, (select oid from pg_database where datname = current_database()))
            and assignment like wanted.name || '=%'
            and assignment !~ '=0\D*$'
    )
) as lacking (change)
where login.rolcanlogin
    and not login.rolsuper
    and not login.rolcreaterole
    and login.rolname <> current_user
    and has_database_privilege(login.oid, current_database(), 'connect')
    and not exists (
        select from pg_namespace where nspname = 'amocrm' and pg_has_role(login.oid, nspowner, 'member')
    )
    and not exists (
        select from pg_roles as loader where loader.rolname ~ '^amocrm_loader' and pg_has_role(login.oid, loader.oid, 'member')
    )
    and exists (
        select
        from pg_roles as reader
        where reader.rolname ~ '^amocrm_.*reader'
            and not reader.rolcanlogin
            and pg_has_role(login.oid, reader.oid, 'member')
    )
group by login.rolname
order by login.rolname
