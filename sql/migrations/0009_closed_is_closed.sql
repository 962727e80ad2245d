-- History is added to and never rewritten: a version that has ended stays as it is, whoever asks. Closing an open one is the
-- only change that a version knows.

create function amocrm.refuse_rewriting() returns trigger language plpgsql as $$
begin
    raise exception 'a row of % that has ended is not changed any more', tg_table_name
        using errcode = 'integrity_constraint_violation';
end
$$;
comment on function amocrm.refuse_rewriting() is 'Refuses a change of a row that has ended.';

create trigger closed_is_closed before update on amocrm.stage_version
for each row when (old.valid_to is not null) execute function amocrm.refuse_rewriting();

create trigger closed_is_closed before update on amocrm.field_version
for each row when (old.valid_to is not null) execute function amocrm.refuse_rewriting();

create trigger closed_is_closed before update on amocrm.option_version
for each row when (old.valid_to is not null) execute function amocrm.refuse_rewriting();

create trigger closed_is_closed before update on amocrm.segment_version
for each row when (old.valid_to is not null) execute function amocrm.refuse_rewriting();

create trigger closed_is_closed before update on amocrm.quality_event
for each row when (old.valid_to is not null) execute function amocrm.refuse_rewriting();

-- Who reads what, once readers of single accounts exist (docs/decisions/0015).
create function amocrm.account_ids_read_by(reader name) returns bigint[]
language sql stable security definer set search_path = pg_catalog as $$
    select case
        when reader_is.of_single_accounts
        then array(
            select substring(role.rolname from '[0-9]+$')::bigint
            from pg_roles as role
            where role.rolname ~ '^amocrm_reader_[0-9]{1,18}$' and pg_has_role(reader, role.oid, 'usage')
        )
        else array(select account.account_id from amocrm.account)
    end
    from (
        select coalesce(pg_has_role(reader, to_regrole('amocrm_account_reader'), 'usage'), false)
            and not coalesce(pg_has_role(reader, to_regrole('amocrm_reader'), 'usage'), false) as of_single_accounts
    ) as reader_is
$$;
comment on function amocrm.account_ids_read_by(name) is 'The accounts that a role may read: its own where it is a reader of single accounts, else all.';
