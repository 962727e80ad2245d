-- Copies of account 1 under the ids of a range, each row beside the same row of the other accounts: the order in which
-- loads of many accounts write. Of loads, sizes and days they have those of the last days that bench.days says.
set session_replication_role = replica;

do $$
declare
    source record;
begin
    for source in
        select
            table_name,
            string_agg(column_name, ', ' order by ordinal_position) as columns,
            string_agg(
                case column_name
                    when 'account_id' then 'copy.id'
                    when 'account_key' then '''account-'' || copy.id'
                    else 'model.' || column_name
                end,
                ', ' order by ordinal_position
            ) as selected,
            coalesce(min(column_name) filter (where column_name in ('observed_at', 'observed_date', 'valid_from', 'started_at')), '1') as sorted,
            min(column_name) filter (where column_name in ('observed_at', 'observed_date', 'started_at')) as loaded
        from information_schema.columns
        where table_schema = 'amocrm' and table_name not in ('schema_migration', 'schema_view', 'raw_answer', 'raw_body', 'role_name', 'work_lock')
        group by table_name
        having bool_or(column_name = 'account_id')
    loop
        execute format(
            'insert into amocrm.%I (%s) select %s from amocrm.%I as model, generate_series(%s::bigint, %s::bigint) as copy (id)'
            ' where model.account_id = 1 and %s order by %s, copy.id',
            source.table_name, source.columns, source.selected, source.table_name,
            current_setting('bench.first_copy'), current_setting('bench.last_copy'),
            coalesce('model.' || source.loaded || format(' >= now() - make_interval(days => %s)', current_setting('bench.days')), 'true'),
            source.sorted
        );
    end loop;
end
$$;
