-- After views were made anew: the rights that others had on them. A role that is gone meanwhile needs none.
do $$
declare
    kept text;
begin
    for kept in select unnest(grants) from amocrm.schema_view loop
        begin
            execute kept;
        exception when undefined_object then null;
        end;
    end loop;
    update amocrm.schema_view set grants = '{}' where grants <> '{}';
end
$$
