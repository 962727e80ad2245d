-- Whether there is a role of this name that is no login made for this reader's role: one with other rights must not get a new password.
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
