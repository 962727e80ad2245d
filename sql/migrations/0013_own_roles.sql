-- Roles belong to the server, tables to a database. This database now stores which roles are its own, and readers of single
-- accounts are bound by a policy whose accounts are constants of the plan (docs/decisions/0015).

-- The policies of every table change below. Taking the locks first makes migrating wait for loads and readers, not fail.
lock table
    amocrm.account, amocrm.field_version, amocrm.load_failure, amocrm.newest_answers, amocrm.option_version,
    amocrm.quality_event, amocrm.raw_answer, amocrm.raw_body, amocrm.row_memory, amocrm.segment_current,
    amocrm.segment_field_value, amocrm.segment_price_field, amocrm.segment_size, amocrm.segment_size_daily,
    amocrm.segment_version, amocrm.size_alert, amocrm.snapshot, amocrm.stage_rule, amocrm.stage_version,
    amocrm.write_back, amocrm.write_back_thing
in access exclusive mode;

create table amocrm.role_name (
    name text primary key,
    purpose text not null check (purpose in ('reader', 'loader', 'views', 'account_reader', 'reader_of_account')),
    account_id bigint check (account_id > 0),
    check ((purpose = 'reader_of_account') = (account_id is not null))
);
create unique index role_name_purpose on amocrm.role_name (purpose) where account_id is null;

comment on table amocrm.role_name is 'One row per role of the server that belongs to this database: only these are granted rights here, and only these select accounts.';
comment on column amocrm.role_name.name is 'Name of the role. Postgres may have lost it since.';
comment on column amocrm.role_name.purpose is 'reader: reads all accounts; loader: loads; views: owns the views; account_reader: holds the rights of all readers of single accounts; reader_of_account: reads one account.';
comment on column amocrm.role_name.account_id is 'The account that the role reads. Null for the other purposes.';

-- Writes the function that the policies call, with the roles of amocrm.role_name as constants: it runs with the rights of the
-- role that asks, which may read no table of this schema, and finds nothing by name but in pg_catalog.
-- It is declared immutable on purpose, although it depends on the role and its memberships: the planner replaces the call by
-- its result, so no node of a plan decides it, and no condition of a reader is evaluated on a row of another account.
-- Postgres plans a statement again when the role changes, because row-level security is involved.
create procedure amocrm.write_readable_account_ids()
language plpgsql
set search_path = pg_catalog, pg_temp
as $write$
declare
    roles record;
begin
    select
        coalesce(max(quote_ident(role.name)) filter (where role.purpose = 'reader'), '') as reader,
        coalesce(max(quote_ident(role.name)) filter (where role.purpose = 'account_reader'), '') as account_reader,
        coalesce(max(quote_ident(role.name)) filter (where role.purpose = 'loader'), '') as loader,
        coalesce(array_agg(quote_ident(role.name) order by role.name) filter (where role.account_id is not null), '{}') as names,
        coalesce(array_agg(role.account_id order by role.name) filter (where role.account_id is not null), '{}') as account_ids
    into roles
    from amocrm.role_name as role;
    execute format(
        $create$
        create or replace function amocrm.readable_account_ids() returns bigint[]
        language plpgsql immutable parallel safe
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            if pg_catalog.pg_has_role(pg_catalog.to_regrole(%1$L)::pg_catalog.oid, 'usage') then
                return null;
            end if;
            -- Without rights from the reader of all accounts, a role reads all if it owns the tables, loads, or was granted views by
            -- itself and is in no reader of single accounts, not even without inheriting. If that role is gone or
            -- renamed, nobody can tell, and nothing is read.
            if not coalesce(pg_catalog.pg_has_role(pg_catalog.to_regrole(%2$L)::pg_catalog.oid, 'usage'), false) and (
                pg_catalog.pg_has_role(pg_catalog.to_regrole(%5$L)::pg_catalog.oid, 'usage')
                or exists (
                    select
                    from pg_catalog.pg_namespace as namespace
                    where namespace.nspname operator(pg_catalog.=) 'amocrm' and pg_catalog.pg_has_role(namespace.nspowner, 'usage')
                )
                or not (
                    pg_catalog.pg_has_role(pg_catalog.to_regrole(%2$L)::pg_catalog.oid, 'member')
                    or exists (
                        select
                        from pg_catalog.unnest(%3$L::pg_catalog.text[]) as role (name)
                        where pg_catalog.pg_has_role(pg_catalog.to_regrole(role.name)::pg_catalog.oid, 'member')
                    )
                )
            ) then
                return null;
            end if;
            return array(
                select role.account_id
                from rows from (
                    pg_catalog.unnest(%3$L::pg_catalog.text[]), pg_catalog.unnest(%4$L::pg_catalog.int8[])
                ) as role (name, account_id)
                where pg_catalog.pg_has_role(pg_catalog.to_regrole(role.name)::pg_catalog.oid, 'usage')
            );
        end
        $function$
        $create$,
        roles.reader, roles.account_reader, roles.names, roles.account_ids, roles.loader
    );
end
$write$;
comment on procedure amocrm.write_readable_account_ids() is 'Writes amocrm.readable_account_ids() from amocrm.role_name.';

call amocrm.write_readable_account_ids();
-- Accounts as ranges, for a condition that Postgres takes for cheaper than any that a reader could add, and so
-- evaluates first even where it reads a whole table.
create function amocrm.account_ranges(account_ids bigint[]) returns int8multirange[]
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
    return array[(
        select pg_catalog.range_agg(pg_catalog.int8range(one.account_id, one.account_id, '[]'))
        from pg_catalog.unnest(account_ids) as one (account_id)
    )];
end
$$;
comment on function amocrm.account_ranges(bigint[]) is 'Account ids as one multirange in an array. Part of the policies of row-level security.';
-- The condition of the policies. It is inlined, with the accounts evaluated once for each table; its body is parsed here, so
-- that nothing in it is looked up by name later.
create function amocrm.is_readable(account_id bigint, account_ids bigint[]) returns boolean
language sql immutable parallel safe
return case
    when account_ids is null then true
    when cardinality(account_ids) = 1
    then account_id = account_ids[1] and case when account_id = any (account_ids) then 1 end is not null
    else account_id = any (account_ids) and case when account_id <@ any (amocrm.account_ranges(account_ids)) then 1 end is not null
end;
comment on function amocrm.is_readable(bigint, bigint[]) is 'Whether an account is among those that a role may read; null for all. Part of the policies of row-level security.';
comment on function amocrm.readable_account_ids() is 'Accounts that the current role may read; null for all. Part of the policies of row-level security.';

alter function amocrm.refuse_rewriting() set search_path = pg_catalog, pg_temp;

-- A database that tells readers apart already keeps its roles, and its policies never stop to apply.
do $$
declare
    change text;
begin
    if not (select relrowsecurity from pg_catalog.pg_class where oid = 'amocrm.account'::pg_catalog.regclass) then
        drop function amocrm.account_ids_read_by(name);
        return;
    end if;
    insert into amocrm.role_name (name, purpose, account_id)
    values ('amocrm_reader', 'reader', null),
        ('amocrm_loader', 'loader', null),
        ('amocrm_views', 'views', null),
        ('amocrm_account_reader', 'account_reader', null);
    insert into amocrm.role_name (name, purpose, account_id)
    select role.rolname, 'reader_of_account', pg_catalog.substring(role.rolname, '[0-9]+$')::bigint
    from pg_catalog.pg_roles as role
    where role.rolname ~ '^amocrm_reader_[1-9][0-9]{0,17}$';
    call amocrm.write_readable_account_ids();
    for change in
        select pg_catalog.format(
            'alter policy own_accounts on %s using (amocrm.is_readable(account_id, amocrm.readable_account_ids()))',
            policy.polrelid::pg_catalog.regclass
        )
        from pg_catalog.pg_policy as policy
        join pg_catalog.pg_class as relation on relation.oid = policy.polrelid
        where policy.polname = 'own_accounts' and relation.relnamespace = 'amocrm'::pg_catalog.regnamespace
    loop
        execute change;
    end loop;
    drop function amocrm.account_ids_read_by(name);
end
$$;
