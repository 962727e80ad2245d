create or replace view analytics.option_history as
select
    option.account_id,
    option.field_id,
    (
        select field.name
        from amocrm.field_version as field
        where field.account_id = option.account_id and field.field_id = option.field_id
        order by field.valid_from desc
        limit 1
    ) as field_name,
    option.option_id,
    option.valid_from,
    option.valid_to,
    option.end_reason,
    option.value as label,
    option.sort,
    option.extra
from amocrm.option_version as option;

comment on view analytics.option_history is 'One row per state of an option of a segment field, from the first snapshot with it to the first without it.';
comment on column analytics.option_history.account_id is 'The account.';
comment on column analytics.option_history.field_id is 'The field that offers the option.';
comment on column analytics.option_history.field_name is 'The field''s latest known name.';
comment on column analytics.option_history.option_id is 'amoCRM''s id of the option (enum): its identity; the label can change.';
comment on column analytics.option_history.valid_from is 'The first snapshot with this state; the change happened between it and the previous snapshot.';
comment on column analytics.option_history.valid_to is 'The first snapshot without this state. Null while it is current.';
comment on column analytics.option_history.end_reason is 'Why it ended: changed, deleted (a request for the field by its id no longer contained it), mode_off (the account''s customers mode was switched). Null while open.';
comment on column analytics.option_history.label is 'Label.';
comment on column analytics.option_history.sort is 'Position among the field''s options.';
comment on column analytics.option_history.extra is 'All other properties of the option, as received. Null if there are none.';

-- The body is a string, not BEGIN ATOMIC: Postgres then records no dependency, so views can be
-- dropped and re-created beneath the function. Views that it uses are created before it, since the
-- view above uses them, too. All names and operators are qualified, so that nothing is looked up in
-- the caller's search path. Postgres never inlines it, because it aggregates; without the setting
-- PostgreSQL 18 plans it again for each value.
create or replace function analytics.value_text(account_id bigint, field_id bigint, value jsonb, instant timestamptz)
returns text
language sql stable
set plan_cache_mode = force_generic_plan
as $$
    select pg_catalog.string_agg(coalesce(label.label, item.value operator(pg_catalog.#>>) '{}'), ', ' order by item.position)
    from pg_catalog.jsonb_array_elements(
        case when pg_catalog.jsonb_typeof(value_text.value) operator(pg_catalog.=) 'array' then value_text.value else pg_catalog.jsonb_build_array(value_text.value) end
    ) with ordinality as item (value, position)
    left join lateral (
        select option.label
        from analytics.option_history as option
        where option.account_id operator(pg_catalog.=) value_text.account_id
            and option.field_id operator(pg_catalog.=) value_text.field_id
            and option.option_id operator(pg_catalog.=) case
                when item.value::pg_catalog.text operator(pg_catalog.~) '^[0-9]{1,18}$' then item.value::pg_catalog.text::pg_catalog.int8
            end
            and option.valid_from operator(pg_catalog.<=) value_text.instant
        order by option.valid_from desc
        limit 1
    ) as label on true
$$;

comment on function analytics.value_text(bigint, bigint, jsonb, timestamptz) is 'Format a JSON value as text: lists with commas, options of a field by their labels at an instant. Null for null.';
