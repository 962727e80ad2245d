-- name: lock_for_change
-- Locks the tables and views that are named in amocrm.tables and amocrm.views ('*': all of ours), one after the other, against
-- everybody; those in amocrm.referred against writers, as a foreign key to them does. It waits for all of them together half as long as Postgres lets somebody wait before it looks for a deadlock: whoever
-- waits for one that is locked already, and holds the next, is let go on before Postgres could take it for one and end it.
do $$
declare
    ends_at constant timestamptz := clock_timestamp() + current_setting('deadlock_timeout')::interval / 2;
    usual constant text := current_setting('lock_timeout');
    locking text;
begin
    for locking in
        -- Changes nothing. "lock table" would lock all that the view is made of, too.
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

-- name: name_for_change
-- What lock_for_change is to lock, in this transaction. A block takes no parameters.
select
    set_config('amocrm.tables', :tables, true),
    set_config('amocrm.referred', :referred, true),
    set_config('amocrm.views', :views, true)
