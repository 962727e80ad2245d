-- Grants the reader of one account the schema by its own name as well: that is how other databases of the server know that the
-- role is taken.
do $$
begin
    if not exists (
        select
        from pg_namespace as namespace
        cross join aclexplode(namespace.nspacl) as acl
        where namespace.nspname = 'analytics' and acl.grantee = to_regrole(quote_ident(current_setting('amocrm.reader_of_account')))
    ) then
        execute format('grant usage on schema analytics to %I', current_setting('amocrm.reader_of_account'));
    end if;
end
$$
