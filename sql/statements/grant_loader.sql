-- What the role that loads lacks: it adds, closes versions that are open, and purges raw answers; it defines nothing and rewrites
-- no history. Every table of amocrm stands here, which a test sees to. Nothing where there is no such role.
do $$
declare
    loader constant regrole := to_regrole(quote_ident(current_setting('amocrm.loader')));
    missing text;
begin
    if loader is null then
        return;
    end if;
    for missing in
        select format('grant usage on schema %I to %s', nspname, loader)
        from pg_namespace
        where nspname in ('amocrm', 'analytics') and not has_schema_privilege(loader, oid, 'usage')
        union all
        select format('grant %s on amocrm.%I to %s', verb, entitled.name, loader)
        from (
            values
                ('account', '{select,insert}'::text[]),
                ('field_version', '{select,insert}'),
                ('load_failure', '{select,insert}'),
                ('newest_answers', '{select,insert}'),
                ('option_version', '{select,insert}'),
                ('quality_event', '{select,insert}'),
                ('raw_answer', '{select,insert,delete}'),
                ('raw_body', '{select,insert,delete}'),
                ('role_name', '{select}'),
                ('row_memory', '{select,insert}'),
                ('schema_migration', '{select}'),
                ('schema_view', '{select}'),
                ('segment_current', '{select,insert,delete}'),
                ('segment_field_value', '{select,insert}'),
                ('segment_price_field', '{select,insert}'),
                ('segment_size', '{select,insert}'),
                ('segment_size_daily', '{select,insert}'),
                ('segment_version', '{select,insert}'),
                ('size_alert', '{select,insert}'),
                ('snapshot', '{select,insert}'),
                ('stage_rule', '{select,insert}'),
                ('stage_version', '{select,insert}'),
                ('work_lock', '{select,insert}'),
                ('write_back', '{select,insert}'),
                ('write_back_thing', '{select,insert}')
        ) as entitled (name, verbs)
        cross join unnest(entitled.verbs) as verb
        where not has_table_privilege(loader, to_regclass(format('amocrm.%I', entitled.name)), verb)
        union all
        -- What may change in a row that is there. Of history only the end of what is open, which a trigger holds to as well.
        select format('grant update (%I) on amocrm.%I to %s', changing, entitled.name, loader)
        from (
            values
                ('account', '{account_key,host,name,subdomain,timezone,customers_mode,country,currency}'::text[]),
                ('field_version', '{valid_to,end_reason}'),
                ('newest_answers', '{observed_at,reading_code,answers}'),
                ('option_version', '{valid_to,end_reason}'),
                ('quality_event', '{valid_to}'),
                ('row_memory', '{reading_code,segments}'),
                ('segment_current', '{valid_from,customers_count,content_hash}'),
                ('segment_size_daily', '{last_count,min_count,max_count}'),
                ('segment_version', '{valid_to,end_reason}'),
                ('size_alert', '{told_at,ended_at}'),
                ('stage_version', '{valid_to,end_reason}'),
                ('work_lock', '{taken_at}'),
                ('write_back', '{ended_at,outcome,status,answer,request_id,error}'),
                ('write_back_thing', '{thing_id}')
        ) as entitled (name, changing_columns)
        cross join unnest(entitled.changing_columns) as changing
        where not has_column_privilege(loader, to_regclass(format('amocrm.%I', entitled.name)), changing, 'update')
        union all
        select format('grant select on analytics.%I to %s', relation.relname, loader)
        from pg_class as relation
        where relation.relnamespace = 'analytics'::regnamespace
            and relation.relkind = 'v'
            and pg_has_role(relation.relowner, 'usage')
            and not has_table_privilege(loader, relation.oid, 'select')
        union all
        select format('grant execute on function %s to %s', routine.oid::regprocedure, loader)
        from pg_proc as routine
        where routine.pronamespace = 'analytics'::regnamespace
            and pg_has_role(routine.proowner, 'usage')
            and not has_function_privilege(loader, routine.oid, 'execute')
    loop
        execute missing;
    end loop;
end
$$
