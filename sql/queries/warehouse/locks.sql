-- name: lock_relations
-- Lock the tables and views named in amocrm.tables and amocrm.views ('*': all of ours), one by one,
-- in exclusive mode, and those in amocrm.referred against writers, as a foreign key to them does.
-- The total wait is half of deadlock_timeout: a session that waits for us and holds the next lock
-- continues before Postgres could detect a deadlock and cancel it.
do $$
declare
    ends_at constant timestamptz := clock_timestamp() + current_setting('deadlock_timeout')::interval / 2;
    usual constant text := current_setting('lock_timeout');
    locking text;
begin
    for locking in
        -- A change without effect. "lock table" would also lock the tables and views beneath the
        -- view.
        select format('alter view analytics.%I reset (security_barrier)', relation.relname)
        from pg_class as relation
        where relation.relnamespace = 'analytics'::regnamespace
            and relation.relkind = 'v'
            and pg_has_role(relation.relowner, 'usage')
            and array[relation.relname::text, '*'] && string_to_array(current_setting('amocrm.views'), ',')
        union all
        select format('lock table amocrm.%I in %s mode', relation.relname, lock.mode)
        from pg_class as relation
        cross join lateral (
            values
                ('access exclusive', current_setting('amocrm.tables')),
                ('share row exclusive', current_setting('amocrm.referred'))
        ) as lock (mode, names)
        where relation.relnamespace = 'amocrm'::regnamespace
            and relation.relkind in ('r', 'p')
            and array[relation.relname::text, '*'] && string_to_array(lock.names, ',')
        order by 1
    loop
        perform set_config(
            'lock_timeout', greatest(1, extract(epoch from ends_at - clock_timestamp()) * 1000)::integer::text, true
        );
        execute locking;
    end loop;
    perform set_config('lock_timeout', usual, true);
end
$$

-- name: set_lock_targets
-- Set the targets of lock_relations for this transaction. A DO block takes no parameters.
select
    set_config('amocrm.tables', :tables, true),
    set_config('amocrm.referred', :referred, true),
    set_config('amocrm.views', :views, true)
