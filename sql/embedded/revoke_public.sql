-- Revoke functions from PUBLIC in this database of an embedded server with which one login can stop the others: advisory locks, which
-- fill the server's lock table, and creating large objects. This program uses neither.
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
