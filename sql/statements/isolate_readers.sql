-- Readers of single accounts: the views' owner is subject to row-level security, and every table shows it the accounts of the
-- role that asks. Running it again adds what is new: tables, views, policies. The columns of a wide view are named after fields,
-- and every login can read column names in Postgres' catalog: wide views are dropped.
do $$
declare
    views_owner constant regrole := to_regrole(quote_ident(current_setting('amocrm.views_owner')));
    account_reader constant regrole := to_regrole(quote_ident(current_setting('amocrm.account_reader')));
    missing text;
begin
    for missing in
        select format('grant create, usage on schema analytics to %s', views_owner)
        where not has_schema_privilege(views_owner, 'analytics', 'create')
        union all
        select format('grant usage on schema analytics to %s', account_reader)
        where not has_schema_privilege(account_reader, 'analytics', 'usage')
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
                    not has_table_privilege(views_owner, relation.oid, 'select'),
                    format('grant select on amocrm.%I to %s', relation.relname, views_owner)
                ),
                (not relation.relrowsecurity, format('alter table amocrm.%I enable row level security', relation.relname)),
                (
                    not exists (select from pg_policy where polrelid = relation.oid and polname = 'everybody'),
                    format('create policy everybody on amocrm.%I using (true) with check (true)', relation.relname)
                ),
                (
                    exists (
                        select
                        from pg_policy
                        where polrelid = relation.oid and polname = 'own_accounts' and polroles <> array[views_owner::oid]
                    ),
                    format('alter policy own_accounts on amocrm.%I to %s', relation.relname, views_owner)
                ),
                (
                    not exists (select from pg_policy where polrelid = relation.oid and polname = 'own_accounts'),
                    format(
                        'create policy own_accounts on amocrm.%I as restrictive for select to %s using '
                        '(amocrm.is_readable(account_id, amocrm.readable_account_ids()))',
                        relation.relname,
                        views_owner
                    )
                )
        ) as step (is_missing, change)
        where relation.relnamespace = 'amocrm'::regnamespace and relation.relkind in ('r', 'p') and step.is_missing
        union all
        select format('alter view analytics.%I owner to %s', relation.relname, views_owner)
        from pg_class as relation
        join amocrm.schema_view as made on made.name = relation.relname
        where relation.relnamespace = 'analytics'::regnamespace
            and relation.relkind = 'v'
            and relation.relowner <> views_owner
        union all
        select format('grant select on analytics.%I to %s', made.name, account_reader)
        from amocrm.schema_view as made
        where not has_table_privilege(account_reader, format('analytics.%I', made.name), 'select')
        union all
        select format('grant execute on function %s to %s', routine.oid::regprocedure, account_reader)
        from pg_proc as routine
        where routine.pronamespace = 'analytics'::regnamespace
            and not has_function_privilege(account_reader, routine.oid, 'execute')
    loop
        execute missing;
    end loop;
end
$$
