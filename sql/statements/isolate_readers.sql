-- Readers of single accounts: views run as a role for whom every table shows the reader's accounts only. Doing it again adds what
-- is new: tables, views, policies. The names of a wide view's columns are fields' names, which every login can read in
-- Postgres' catalog: so there are none here.
do $$
declare
    missing text;
begin
    for missing in
        select 'grant create, usage on schema analytics to amocrm_views'
        where not has_schema_privilege('amocrm_views', 'analytics', 'create')
        union all
        select 'grant usage on schema analytics to amocrm_account_reader'
        where not has_schema_privilege('amocrm_account_reader', 'analytics', 'usage')
        union all
        select format('drop view analytics.%I', relation.relname)
        from pg_class as relation
        where relation.relnamespace = 'analytics'::regnamespace
            and relation.relkind = 'v'
            and relation.relname ~ '^segments_[0-9]+$'
        union all
        select change
        from pg_class as relation
        join pg_attribute as account_id on account_id.attrelid = relation.oid and account_id.attname = 'account_id'
        cross join lateral (
            values
                (
                    not has_table_privilege('amocrm_views', relation.oid, 'select'),
                    format('grant select on amocrm.%I to amocrm_views', relation.relname)
                ),
                (not relation.relrowsecurity, format('alter table amocrm.%I enable row level security', relation.relname)),
                (
                    not exists (select from pg_policy where polrelid = relation.oid and polname = 'everybody'),
                    format('create policy everybody on amocrm.%I using (true) with check (true)', relation.relname)
                ),
                (
                    not exists (select from pg_policy where polrelid = relation.oid and polname = 'own_accounts'),
                    format(
                        'create policy own_accounts on amocrm.%I as restrictive for select to amocrm_views using (%s)',
                        relation.relname,
                        case
                            when account_id.attnotnull
                            then 'account_id = any ((select amocrm.account_ids_read_by(current_user))::bigint[])'
                            else 'account_id = any ((select amocrm.account_ids_read_by(current_user))::bigint[]) '
                                || 'or (select not pg_has_role(current_user, ''amocrm_account_reader'', ''usage'') '
                                || 'or pg_has_role(current_user, ''amocrm_reader'', ''usage''))'
                        end
                    )
                )
        ) as step (is_missing, change)
        where relation.relnamespace = 'amocrm'::regnamespace and relation.relkind in ('r', 'p') and step.is_missing
        union all
        select format('alter view analytics.%I owner to amocrm_views', relation.relname)
        from pg_class as relation
        join amocrm.schema_view as made on made.name = relation.relname
        where relation.relnamespace = 'analytics'::regnamespace
            and relation.relkind = 'v'
            and relation.relowner <> to_regrole('amocrm_views')
        union all
        select format('grant select on analytics.%I to amocrm_account_reader', made.name)
        from amocrm.schema_view as made
        where not has_table_privilege('amocrm_account_reader', format('analytics.%I', made.name), 'select')
        union all
        select format('grant execute on function %s to amocrm_account_reader', routine.oid::regprocedure)
        from pg_proc as routine
        where routine.pronamespace = 'analytics'::regnamespace
            and not has_function_privilege('amocrm_account_reader', routine.oid, 'execute')
    loop
        execute missing;
    end loop;
end
$$
