-- Every function of the schema analytics, with what it takes, the columns that it gives, and what its comment says.
select
    function.proname as function_name,
    replace(pg_get_function_identity_arguments(function.oid), 'timestamp with time zone', 'timestamptz') as arguments,
    array(
        select argument.name
        from unnest(function.proargnames, function.proargmodes) with ordinality as argument (name, mode, position)
        where argument.mode = 't'
        order by argument.position
    ) as column_names,
    obj_description(function.oid, 'pg_proc') as function_comment
from pg_proc as function
where function.pronamespace = 'analytics'::regnamespace
order by function.proname, arguments
