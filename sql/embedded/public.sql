-- Takes from PUBLIC, in this database of an embedded server, what lets a login stop the others: functions that fill the server's
-- table of locks, and functions that make large objects. This program uses none of them.
do $$
declare
    taken regprocedure;
begin
    for taken in
        select oid
        from pg_catalog.pg_proc
        where pronamespace = 'pg_catalog'::regnamespace
            and (proname ~ 'advisory.*lock' or proname in ('lo_create', 'lo_creat', 'lo_from_bytea'))
    loop
        execute format('revoke execute on function %s from public', taken);
    end loop;
end
$$;
