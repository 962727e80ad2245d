-- What the role that dashboards read with lacks of the schema analytics. Nothing where there is no such role.
do $$
declare
    reader constant regrole := to_regrole(quote_ident(current_setting('amocrm.reader')));
    missing text;
begin
    if reader is null then
        return;
    end if;
    for missing in
        select format('grant usage on schema analytics to %s', reader)
        where not has_schema_privilege(reader, 'analytics', 'usage')
        union all
        select format('grant select on analytics.%I to %s', relation.relname, reader)
        from pg_class as relation
        where relation.relnamespace = 'analytics'::regnamespace
            and relation.relkind = 'v'
            and pg_has_role(relation.relowner, 'usage')
            and not has_table_privilege(reader, relation.oid, 'select')
        union all
        select format('grant execute on function %s to %s', routine.oid::regprocedure, reader)
        from pg_proc as routine
        where routine.pronamespace = 'analytics'::regnamespace
            and pg_has_role(routine.proowner, 'usage')
            and not has_function_privilege(reader, routine.oid, 'execute')
        union all
        -- For views that come later, whoever of us makes them. Of a role that cannot, it would stand in a restore's way.
        select format('alter default privileges in schema analytics grant select on tables to %s', reader)
        where has_schema_privilege('analytics', 'create') and not exists (
            select
            from pg_default_acl as later
            cross join aclexplode(later.defaclacl) as acl
            where later.defaclnamespace = 'analytics'::regnamespace
                and later.defaclrole = to_regrole(current_user)
                and later.defaclobjtype = 'r'
                and acl.grantee = reader
        )
    loop
        execute missing;
    end loop;
end
$$
