-- Planner statistics hold values of all accounts, and explain shows every reader the estimates that follow from them. Once
-- readers are told apart, no column of ours has any: none are collected, and those that were are removed. Before
-- PostgreSQL 18 only a superuser can remove them; doctor shows the statement. account_id is left out: it tells how many rows
-- each account has, which is conceded, and plans would be bad without. Extended statistics that somebody added are dropped.
do $$
declare
    change text;
begin
    for change in
        select
            case
                when relation.relkind = 'i'
                then format('alter index amocrm.%I alter column %s set statistics 0', relation.relname, attribute.attnum)
                else format('alter table amocrm.%I alter column %I set statistics 0', relation.relname, attribute.attname)
            end
        from pg_class as relation
        join pg_attribute as attribute
            on attribute.attrelid = relation.oid and attribute.attnum > 0 and not attribute.attisdropped
        where relation.relnamespace = 'amocrm'::regnamespace
            and attribute.attstattarget is distinct from 0
            and attribute.attname <> 'account_id'
            and pg_has_role(relation.relowner, 'usage')
            and (
                relation.relkind in ('r', 'p')
                or relation.relkind = 'i' and exists (
                    select
                    from pg_index as index
                    where index.indexrelid = relation.oid and index.indkey[attribute.attnum - 1] = 0
                )
            )
        union all
        select format('drop statistics %I.%I', namespace.nspname, extended.stxname)
        from pg_statistic_ext as extended
        join pg_namespace as namespace on namespace.oid = extended.stxnamespace
        join pg_class as relation on relation.oid = extended.stxrelid
        where relation.relnamespace = 'amocrm'::regnamespace
            and (pg_has_role(extended.stxowner, 'usage') or pg_has_role(namespace.nspowner, 'usage'))
        union all
        select format(
            'select pg_clear_attribute_stats(%L, %L, %L, %L)',
            collected.schemaname, collected.tablename, collected.attname, collected.inherited
        )
        from pg_stats as collected
        where collected.schemaname = 'amocrm'
            and collected.attname <> 'account_id'
            and current_setting('server_version_num')::integer >= 180000
        union all
        select 'delete from pg_statistic where starelid in '
            '(select oid from pg_class where relnamespace = ''amocrm''::regnamespace)'
        where current_setting('server_version_num')::integer < 180000
            and current_setting('is_superuser')::boolean
            and exists (select from pg_stats where schemaname = 'amocrm' and attname <> 'account_id')
    loop
        execute change;
    end loop;
end
$$
