-- Whether another database of the server was granted to a role.
select exists (
    select
    from pg_shdepend as depend
    join pg_database as other on other.oid = depend.dbid
    where depend.refclassid = 'pg_authid'::regclass
        and depend.refobjid = to_regrole(quote_ident(:name))
        and other.datname <> current_database()
)
