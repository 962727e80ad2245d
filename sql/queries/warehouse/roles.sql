-- name: delete_role_names
-- Delete the names of this database's roles, except readers of single accounts.
delete from amocrm.role_name
where account_id is null

-- name: grant_loader
-- Grant missing privileges to the loader's role: it inserts rows, closes open versions and purges
-- raw responses, but cannot change definitions or rewrite history. A test checks that every table
-- of amocrm is listed here. Does nothing if the role does not exist.
do $$
declare
    loader constant regrole := to_regrole(quote_ident(current_setting('amocrm.loader')));
    missing text;
begin
    if loader is null then
        return;
    end if;
    for missing in
        select format('grant usage on schema %I to %s', nspname, loader)
        from pg_namespace
        where nspname in ('amocrm', 'analytics', 'members') and not has_schema_privilege(loader, oid, 'usage')
        union all
        select format('grant %s on amocrm.%I to %s', verb, entitled.name, loader)
        from (
            values
                ('account', '{select,insert}'::text[]),
                ('change_notice', '{select,insert}'),
                ('member_difference', '{select,insert}'),
                ('place_day', '{select,insert}'),
                ('place_flow_day', '{select,insert}'),
                ('scan', '{select,insert}'),
                ('segment_overlap', '{select,insert,delete}'),
                ('stage_move', '{select,insert}'),
                ('stay_duration', '{select,insert,delete}'),
                ('stay_month', '{select,insert,delete}'),
                ('failure_notice', '{select,insert,delete}'),
                ('field_version', '{select,insert}'),
                ('load_failure', '{select,insert}'),
                ('newest_answers', '{select,insert}'),
                ('option_version', '{select,insert}'),
                ('quality_event', '{select,insert}'),
                ('raw_answer', '{select,insert,delete}'),
                ('raw_body', '{select,insert,delete}'),
                ('role_name', '{select}'),
                ('schema_migration', '{select}'),
                ('schema_view', '{select}'),
                ('segment_current', '{select,insert,delete}'),
                ('segment_field_value', '{select,insert}'),
                ('segment_price_field', '{select,insert}'),
                ('segment_size', '{select,insert}'),
                ('segment_size_daily', '{select,insert}'),
                ('segment_version', '{select,insert}'),
                ('size_alert', '{select,insert}'),
                ('snapshot', '{select,insert}'),
                ('stage_rule', '{select,insert}'),
                ('stage_version', '{select,insert}'),
                ('undelivered_alert', '{select,insert,delete}'),
                ('work_lock', '{select,insert}'),
                ('write_back', '{select,insert}'),
                ('write_back_thing', '{select,insert}')
        ) as entitled (name, verbs)
        cross join unnest(entitled.verbs) as verb
        where not has_table_privilege(loader, to_regclass(format('amocrm.%I', entitled.name)), verb)
        union all
        -- Columns that may be updated. In history tables only the end of open versions, which a
        -- trigger enforces, too.
        select format('grant update (%I) on amocrm.%I to %s', changing, entitled.name, loader)
        from (
            values
                ('account', '{account_key,host,name,subdomain,timezone,customers_mode,country,currency,database_timezone}'::text[]),
                ('change_notice', '{observed_at,noticed_at}'),
                ('failure_notice', '{error,failing_since,failed_at,notified_at}'),
                ('field_version', '{valid_to,end_reason}'),
                ('newest_answers', '{observed_at,reading_code,answers}'),
                ('option_version', '{valid_to,end_reason}'),
                ('place_day', '{last_count,min_count,max_count,joined_count,left_count,ltv_sum,purchases_sum,average_check_sum}'),
                ('place_flow_day', '{from_place_ids,to_place_ids,customers_counts}'),
                ('quality_event', '{valid_to}'),
                ('segment_current', '{valid_from,customers_count,content_hash}'),
                ('segment_size_daily', '{last_count,min_count,max_count}'),
                ('segment_version', '{valid_to,end_reason}'),
                ('size_alert', '{told_at,ended_at}'),
                ('stage_move', '{customers_count}'),
                ('stage_version', '{valid_to,end_reason}'),
                ('stay_month', '{customers_count,folded_count}'),
                ('undelivered_alert', '{tried_at}'),
                ('work_lock', '{taken_at}'),
                ('write_back', '{ended_at,outcome,status,answer,request_id,error}'),
                ('write_back_thing', '{thing_id}')
        ) as entitled (name, changing_columns)
        cross join unnest(entitled.changing_columns) as changing
        where not has_column_privilege(loader, to_regclass(format('amocrm.%I', entitled.name)), changing, 'update')
        union all
        -- To forget a customer, its rows are changed and deleted.
        select format('grant %s on members.%I to %s', verb, relation.relname, loader)
        from pg_class as relation
        cross join unnest('{select,insert,update,delete}'::text[]) as verb
        where relation.relnamespace = to_regnamespace('members')
            and relation.relkind = 'r'
            and pg_has_role(relation.relowner, 'usage')
            and not has_table_privilege(loader, relation.oid, verb)
        union all
        select format('grant select on analytics.%I to %s', relation.relname, loader)
        from pg_class as relation
        where relation.relnamespace = 'analytics'::regnamespace
            and relation.relkind = 'v'
            and relation.relname !~ '^segments_[0-9]+$'
            and pg_has_role(relation.relowner, 'usage')
            and not has_table_privilege(loader, relation.oid, 'select')
        union all
        select format('grant execute on function %s to %s', routine.oid::regprocedure, loader)
        from pg_proc as routine
        where routine.pronamespace = 'analytics'::regnamespace
            and pg_has_role(routine.proowner, 'usage')
            and not has_function_privilege(loader, routine.oid, 'execute')
    loop
        execute missing;
    end loop;
end
$$

-- name: grant_members
-- Grant missing privileges on single customers' stays to the role of their readers. Does nothing if
-- the role does not exist.
do $$
declare
    members constant regrole := to_regrole(quote_ident(current_setting('amocrm.members')));
    missing text;
begin
    if members is null or to_regnamespace('members') is null then
        return;
    end if;
    for missing in
        select format('grant usage on schema members to %s', members)
        where not has_schema_privilege(members, 'members', 'usage')
        union all
        select format('grant select on members.%I to %s', relation.relname, members)
        from pg_class as relation
        where relation.relnamespace = 'members'::regnamespace
            and relation.relname in ('page', 'stay', 'stays')
            and pg_has_role(relation.relowner, 'usage')
            and not has_table_privilege(members, relation.oid, 'select')
    loop
        execute missing;
    end loop;
end
$$

-- name: grant_reader
-- Grant missing privileges on the schema analytics to the readers' role, on some of the views: each
-- takes a lock, and there may be a wide view per account. Does nothing if the role does not exist.
do $$
declare
    reader constant regrole := to_regrole(quote_ident(current_setting('amocrm.reader')));
    missing text;
begin
    if reader is null then
        return;
    end if;
    for missing in
        select format('grant usage on schema analytics to %s', reader)
        where not has_schema_privilege(reader, 'analytics', 'usage')
        union all
        (
            select format('grant select on analytics.%I to %s', relation.relname, reader)
            from pg_class as relation
            where relation.relnamespace = 'analytics'::regnamespace
                and relation.relkind = 'v'
                and pg_has_role(relation.relowner, 'usage')
                and not has_table_privilege(reader, relation.oid, 'select')
            limit 100
        )
        union all
        select format('grant execute on function %s to %s', routine.oid::regprocedure, reader)
        from pg_proc as routine
        where routine.pronamespace = 'analytics'::regnamespace
            and pg_has_role(routine.proowner, 'usage')
            and not has_function_privilege(reader, routine.oid, 'execute')
        union all
        -- For future views of each role that may create them. For other roles, the entry would
        -- break a restore of a backup.
        select format('alter default privileges in schema analytics grant select on tables to %s', reader)
        where has_schema_privilege('analytics', 'create') and not exists (
            select
            from pg_default_acl as later
            cross join aclexplode(later.defaclacl) as acl
            where later.defaclnamespace = 'analytics'::regnamespace
                and later.defaclrole = to_regrole(current_user)
                and later.defaclobjtype = 'r'
                and acl.grantee = reader
        )
    loop
        execute missing;
    end loop;
end
$$

-- name: grants_of_roles
-- Number of privileges of each of these roles in our schemas. A role that does not exist has no
-- row.
select role.rolname as name, count(granted.grantee) as grant_count
from pg_roles as role
left join (
    select acl.grantee
    from (
        select nspacl
        from pg_namespace
        where nspname in ('amocrm', 'analytics', 'members')
        union all
        select relacl
        from pg_class
        where relnamespace in (to_regnamespace('amocrm'), to_regnamespace('analytics'), to_regnamespace('members'))
        union all
        select attribute.attacl
        from pg_attribute as attribute
        join pg_class as relation on relation.oid = attribute.attrelid
        where relation.relnamespace = to_regnamespace('amocrm')
        union all
        select proacl
        from pg_proc
        where pronamespace = to_regnamespace('analytics')
        union all
        select defaclacl
        from pg_default_acl
        where defaclnamespace = to_regnamespace('analytics')
    ) as guarded (entitled)
    cross join aclexplode(guarded.entitled) as acl
) as granted on granted.grantee = role.oid
where role.rolname = any(:names)
group by role.rolname

-- name: has_role_names
-- True if this database stores its role names and the session's role can read them. Migration 0013
-- creates the table.
select exists (
    select
    from pg_class as relation
    join pg_namespace as namespace on namespace.oid = relation.relnamespace
    where namespace.nspname = 'amocrm'
        and relation.relname = 'role_name'
        and has_schema_privilege(namespace.oid, 'usage')
        and has_table_privilege(relation.oid, 'select')
)

-- name: make_roles
-- Create the reader's and the loader's roles if we may create roles. An administrator can also
-- create them, by the same names.
do $$
declare
    missing name;
begin
    for missing in
        select role
        from unnest(
            array[current_setting('amocrm.reader'), current_setting('amocrm.loader'), current_setting('amocrm.members')]
        ) as role
        where to_regrole(quote_ident(role)) is null and (select rolsuper or rolcreaterole from pg_roles where rolname = current_user)
    loop
        begin
            execute format('create role %I nologin', missing);
        exception when duplicate_object or unique_violation then null; -- another database of this server created it concurrently
        end;
    end loop;
end
$$

-- name: name_roles
-- Set the names of this database's roles for statements of this transaction that take no
-- parameters.
select
    set_config('amocrm.reader', :reader, true),
    set_config('amocrm.loader', :loader, true),
    set_config('amocrm.members', :members, true),
    set_config('amocrm.views_owner', :views, true),
    set_config('amocrm.account_reader', :account_reader, true)

-- name: role_exists
-- True if the server has a role of this name.
select to_regrole(quote_ident(:name)) is not null

-- name: role_names
-- This database's roles by purpose, without readers of single accounts.
select purpose, name
from amocrm.role_name
where account_id is null
