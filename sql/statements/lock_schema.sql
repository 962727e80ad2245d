-- One migrating process at a time, until its transaction ends: neither readers nor loaders may take this lock. A role that may not take
-- it cannot migrate either, and finds at most that there is nothing to do. Changing tables may take longer than other statements.
do $$
begin
    perform set_config('statement_timeout', '0', true);
    if has_table_privilege('amocrm.schema_migration', 'update, delete, truncate') then
        lock table amocrm.schema_migration in share row exclusive mode;
    end if;
end
$$
