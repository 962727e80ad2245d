-- The roles that read and load, made where we may make roles. Whoever may make them can do so too, with the same names.
do $$
declare
    missing name;
begin
    for missing in
        select role
        from unnest(array[current_setting('amocrm.reader'), current_setting('amocrm.loader')]) as role
        where to_regrole(quote_ident(role)) is null and (select rolsuper or rolcreaterole from pg_roles where rolname = current_user)
    loop
        begin
            execute format('create role %I nologin', missing);
        exception when duplicate_object or unique_violation then null; -- another database of this server was quicker
        end;
    end loop;
end
$$
