-- Words of stage types and rules, the only place that has them. The functions pin the search path, so that
-- nothing is looked up in the caller's.
create or replace function analytics.stage_type_text(type text)
returns text
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
    select case stage_type_text.type
        when '0' then 'regular'
        when '1' then 'expected purchase'
        when '2' then 'did not purchase'
        when '3' then 'closed (or expected purchase)'
        when '4' then 'recently purchased'
        else 'type ' || stage_type_text.type
    end
$$;

comment on function analytics.stage_type_text(text) is 'Name of a stage''s type in amoCRM''s documentation. Its text gives 1 to "expected purchase" and 3 to "closed", its example 3 to both, so the name of 3 has both. Null for null.';

create or replace function analytics.rule_text(rule jsonb)
returns text
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
    with described as (
        select
            case when jsonb_typeof(rule_text.rule) = 'object' then replace(rule_text.rule ->> 'type', '_', ' ') end as kind,
            case
                when jsonb_typeof(rule_text.rule) <> 'object' then rule_text.rule
                when jsonb_typeof(rule_text.rule -> 'match') = 'object' then rule_text.rule -> 'match' -> 'value'
                else rule_text.rule -> 'match'
            end as value,
            case coalesce(rule_text.rule -> 'match' ->> 'logic', rule_text.rule ->> 'logic_operator')
                when 'and' then ' and '
                when 'or' then ' or '
                else ', '
            end as joiner
    ),

    named as (
        select string_agg(item.value ->> 'name', described.joiner order by item.position) as names
        from described
        cross join jsonb_array_elements(
            case when jsonb_typeof(rule_text.rule -> 'conditions') = 'array' then rule_text.rule -> 'conditions' end
        ) with ordinality as item (value, position)
        where item.value ->> 'name' <> ''
    ),

    listed as (
        select
            string_agg(
                case when jsonb_typeof(item.value) in ('object', 'array') then '…' else item.value #>> '{}' end,
                described.joiner order by item.position
            ) as names
        from described
        cross join jsonb_array_elements(
            case when jsonb_typeof(described.value) = 'array' then described.value else jsonb_build_array(described.value) end
        ) with ordinality as item (value, position)
    )

    select
        concat_ws(
            ': ',
            coalesce(described.kind, 'rule'),
            coalesce(named.names, listed.names) || case
                when described.kind not in ('before purchase', 'after purchase', 'after today')
                    or jsonb_typeof(described.value) <> 'number' then ''
                when abs((described.value #>> '{}')::numeric) = 1 then ' day'
                else ' days'
            end
        )
    from described
    cross join named
    cross join listed
$$;

comment on function analytics.rule_text(jsonb) is 'Describe a rule of a stage in words: its kind and the value it compares with, tags by name, as in "after purchase: 14 days" or "tag: Regular or Club". amoCRM''s documentation names no unit; its UI counts days.';

create or replace function analytics.conditions_text(conditions jsonb)
returns text
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
    select string_agg(described.rules, ' | ' order by described.position)
    from (
        select
            rule_group.position,
            (
                select string_agg(analytics.rule_text(rule.value), '; ' order by rule.position)
                from jsonb_array_elements(
                    case
                        when jsonb_typeof(rule_group.value) = 'array' then rule_group.value
                        else jsonb_build_array(rule_group.value)
                    end
                ) with ordinality as rule (value, position)
            ) as rules
        from jsonb_array_elements(
            case
                when jsonb_typeof(conditions_text.conditions) = 'array' then conditions_text.conditions
                else jsonb_build_array(conditions_text.conditions)
            end
        ) with ordinality as rule_group (value, position)
        where conditions_text.conditions <> 'null'
    ) as described
$$;

comment on function analytics.conditions_text(jsonb) is 'Describe the rules of a stage in words: rules of a group with semicolons, groups with bars. How groups combine is undocumented. Null if there are none.';

create or replace view analytics.stage_history as
select
    stage.*,
    analytics.stage_type_text(stage.type::text) as type_text,
    analytics.conditions_text(stage.conditions) as conditions_text
from (
    select
        version.account_id,
        version.stage_id,
        version.valid_from,
        version.valid_to,
        version.end_reason,
        version.name,
        version.sort,
        version.is_default,
        version.color,
        version.type,
        (
            select coalesce(jsonb_agg(rule_group.rules order by rule_group.position), '[]')
            from (
                select
                    place.position,
                    coalesce(
                        jsonb_agg(rule.rule order by rule.rule_position) filter (where rule.rule is not null), '[]'
                    ) as rules
                from unnest(array(select generate_series(0, version.rule_group_count - 1))) as place (position)
                left join amocrm.stage_rule as rule
                    on rule.account_id = version.account_id
                    and rule.stage_id = version.stage_id
                    and rule.valid_from = version.valid_from
                    and rule.group_position = place.position
                group by place.position
            ) as rule_group
        ) as conditions,
        version.extra
    from amocrm.stage_version as version
) as stage;

comment on view analytics.stage_history is 'One row per state of a stage, including its rules, from the first snapshot with it to the first without it.';
comment on column analytics.stage_history.account_id is 'The account.';
comment on column analytics.stage_history.stage_id is 'amoCRM''s id of the stage (customer status).';
comment on column analytics.stage_history.valid_from is 'The first snapshot with this state; the change happened between it and the previous snapshot.';
comment on column analytics.stage_history.valid_to is 'The first snapshot without this state. Null while it is current.';
comment on column analytics.stage_history.end_reason is 'Why it ended: changed, deleted (confirmed by amoCRM), mode_off (the account''s customers mode was switched). Null while open.';
comment on column analytics.stage_history.name is 'Name.';
comment on column analytics.stage_history.sort is 'Position in the list of stages.';
comment on column analytics.stage_history.is_default is 'True for a system stage, which cannot be deleted.';
comment on column analytics.stage_history.color is 'Colour as amoCRM gives it, with a leading #.';
comment on column analytics.stage_history.type is 'Type as received; type_text has its name. amoCRM''s documentation contradicts itself on the meaning of 1 and 3.';
comment on column analytics.stage_history.conditions is 'Rules by which customers enter the stage: a list of groups of rules, as received. How groups combine is undocumented.';
comment on column analytics.stage_history.extra is 'Properties that amoCRM does not document, as received. Null if there are none.';
comment on column analytics.stage_history.type_text is 'Name of the type in amoCRM''s documentation. 3 has two, because text and example of the documentation differ.';
comment on column analytics.stage_history.conditions_text is 'The rules in words, tags by name: rules of a group with semicolons, groups with bars. Null if there are none.';
