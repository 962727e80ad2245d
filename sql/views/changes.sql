create or replace view analytics.changes as
with states as (
    select
        segment.account_id,
        'segment' as thing,
        segment.segment_id as thing_id,
        null::bigint as field_id,
        segment.name as thing_name,
        segment.valid_from,
        segment.valid_to,
        segment.end_reason,
        jsonb_build_object(
            'name', segment.name,
            'color', segment.color,
            'created_at', segment.created_at,
            'price_field_ids', segment.price_field_ids
        ) || coalesce(segment.extra, '{}') as properties,
        segment.field_values
    from analytics.segment_history as segment
    union all
    select
        stage.account_id,
        'stage' as thing,
        stage.stage_id as thing_id,
        null as field_id,
        stage.name as thing_name,
        stage.valid_from,
        stage.valid_to,
        stage.end_reason,
        jsonb_build_object(
            'name', stage.name,
            'sort', stage.sort,
            'is_default', stage.is_default,
            'color', stage.color,
            'type', stage.type,
            'conditions', stage.conditions
        ) || coalesce(stage.extra, '{}') as properties,
        '{}' as field_values
    from analytics.stage_history as stage
    union all
    select
        field.account_id,
        'field' as thing,
        field.field_id as thing_id,
        null as field_id,
        field.name as thing_name,
        field.valid_from,
        field.valid_to,
        field.end_reason,
        jsonb_build_object('name', field.name, 'code', field.code, 'type', field.type, 'sort', field.sort)
        || coalesce(field.extra, '{}') as properties,
        '{}' as field_values
    from amocrm.field_version as field
    union all
    select
        option.account_id,
        'option' as thing,
        option.option_id as thing_id,
        option.field_id,
        option.value as thing_name,
        option.valid_from,
        option.valid_to,
        option.end_reason,
        jsonb_build_object('name', option.value, 'sort', option.sort) || coalesce(option.extra, '{}') as properties,
        '{}' as field_values
    from amocrm.option_version as option
),

successions as (
    select
        states.*,
        lag(states.valid_to) over thing_states as previous_valid_to,
        lag(states.end_reason) over thing_states as previous_end_reason,
        lag(states.properties) over thing_states as previous_properties,
        lag(states.field_values) over thing_states as previous_field_values
    from states
    window thing_states as (
        partition by states.account_id, states.thing, states.field_id, states.thing_id order by states.valid_from
    )
),

events as (
    -- A thing that came or came back. What the first snapshot of an account shows had no before.
    select
        opened.account_id,
        opened.thing,
        opened.thing_id,
        opened.field_id,
        opened.thing_name,
        opened.valid_from as observed_at,
        case
            when opened.previous_valid_to is null then 'added'
            when opened.previous_end_reason = 'mode_off' then 'mode_on'
            else 'returned'
        end as change,
        null as property,
        null::bigint as value_field_id,
        null::jsonb as old_value,
        null::jsonb as new_value
    from successions as opened
    where opened.previous_valid_to is distinct from opened.valid_from
    union all
    -- A thing that went.
    select
        ended.account_id,
        ended.thing,
        ended.thing_id,
        ended.field_id,
        ended.thing_name,
        ended.valid_to as observed_at,
        ended.end_reason as change,
        null as property,
        null as value_field_id,
        null as old_value,
        null as new_value
    from successions as ended
    where ended.end_reason in ('deleted', 'mode_off')
    union all
    -- A property that changed from one state to the next.
    select
        changed.account_id,
        changed.thing,
        changed.thing_id,
        changed.field_id,
        changed.thing_name,
        changed.valid_from as observed_at,
        'changed' as change,
        property.key as property,
        null as value_field_id,
        nullif(changed.previous_properties -> property.key, 'null') as old_value,
        nullif(changed.properties -> property.key, 'null') as new_value
    from successions as changed
    cross join lateral jsonb_object_keys(changed.previous_properties || changed.properties) as property (key)
    where changed.previous_valid_to = changed.valid_from
        and changed.previous_properties -> property.key is distinct from changed.properties -> property.key
    union all
    -- A custom field's value that changed from one state to the next.
    select
        changed.account_id,
        changed.thing,
        changed.thing_id,
        changed.field_id,
        changed.thing_name,
        changed.valid_from as observed_at,
        'changed' as change,
        'field_value' as property,
        value_field.key::bigint as value_field_id,
        changed.previous_field_values -> value_field.key as old_value,
        changed.field_values -> value_field.key as new_value
    from successions as changed
    cross join lateral jsonb_object_keys(changed.previous_field_values || changed.field_values) as value_field (key)
    where changed.previous_valid_to = changed.valid_from
        and changed.previous_field_values -> value_field.key is distinct from changed.field_values -> value_field.key
)

select
    events.account_id,
    events.observed_at,
    before.observed_at as previous_observed_at,
    events.thing,
    events.thing_id,
    events.field_id,
    events.thing_name,
    events.change,
    events.property,
    events.value_field_id,
    field.name as value_field_name,
    events.old_value,
    events.new_value
from events
cross join lateral (
    select max(snapshot.observed_at) as observed_at
    from amocrm.snapshot
    where snapshot.account_id = events.account_id and snapshot.observed_at < events.observed_at
) as before
left join lateral (
    select field_version.name
    from amocrm.field_version
    where field_version.account_id = events.account_id
        and field_version.field_id = events.value_field_id
        and field_version.valid_from <= events.observed_at
    order by field_version.valid_from desc
    limit 1
) as field on true
where before.observed_at is not null;

comment on view analytics.changes is 'One row per thing that came or went, and per property that changed, between two snapshots; sizes aside (segment_sizes_daily).';
comment on column analytics.changes.account_id is 'The account.';
comment on column analytics.changes.observed_at is 'The snapshot that first showed the change.';
comment on column analytics.changes.previous_observed_at is 'The snapshot before, which did not: the change itself lies between the two.';
comment on column analytics.changes.thing is 'segment, stage, field (definition of a segment''s custom field) or option (choice of such a field).';
comment on column analytics.changes.thing_id is 'amoCRM''s id of the thing.';
comment on column analytics.changes.field_id is 'The field that an option belongs to. Null for other things.';
comment on column analytics.changes.thing_name is 'Name of the thing after the change; before it, for a thing that went.';
comment on column analytics.changes.change is 'added, returned (after a deletion), mode_on and mode_off (the account''s customers mode was switched), changed, or deleted.';
comment on column analytics.changes.property is 'The property that changed; field_value for a custom field''s value. Null when the thing itself came or went.';
comment on column analytics.changes.value_field_id is 'The field whose value changed. Null for other changes.';
comment on column analytics.changes.value_field_name is 'Name of that field at the time. Null for other changes.';
comment on column analytics.changes.old_value is 'What it was, as JSON. Null when there was nothing.';
comment on column analytics.changes.new_value is 'What it became, as JSON. Null when there is nothing.';
