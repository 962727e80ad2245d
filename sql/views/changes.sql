create or replace view analytics.changes as
with versions as not materialized (
    select
        segment.account_id,
        'segment' as thing,
        segment.segment_id as thing_id,
        0::bigint as owner_id,
        segment.name as thing_name,
        segment.valid_from,
        segment.valid_to,
        segment.end_reason,
        segment.updated_at
    from amocrm.segment_version as segment
    union all
    select
        stage.account_id,
        'stage' as thing,
        stage.stage_id as thing_id,
        0 as owner_id,
        stage.name as thing_name,
        stage.valid_from,
        stage.valid_to,
        stage.end_reason,
        null as updated_at
    from amocrm.stage_version as stage
    union all
    select
        field.account_id,
        'field' as thing,
        field.field_id as thing_id,
        0 as owner_id,
        field.name as thing_name,
        field.valid_from,
        field.valid_to,
        field.end_reason,
        null as updated_at
    from amocrm.field_version as field
    union all
    select
        option.account_id,
        'option' as thing,
        option.option_id as thing_id,
        option.field_id as owner_id,
        option.label as thing_name,
        option.valid_from,
        option.valid_to,
        option.end_reason,
        null as updated_at
    from analytics.option_history as option
),

states as not materialized (
    -- Properties of each version, computed only for the versions that are compared below.
    select
        segment.account_id,
        'segment' as thing,
        segment.segment_id as thing_id,
        0::bigint as owner_id,
        segment.valid_from,
        jsonb_build_object(
            'name', segment.name,
            'color', segment.color,
            'created_at', segment.created_at,
            'price_field_ids', segment.price_field_ids,
            'bonus_points_conversion_rate', segment.bonus_points_conversion_rate,
            'bonus_points_max_discount', segment.bonus_points_max_discount
        ) || coalesce(segment.extra, '{}') as properties,
        segment.field_values
    from analytics.segment_history as segment
    union all
    select
        stage.account_id,
        'stage' as thing,
        stage.stage_id as thing_id,
        0 as owner_id,
        stage.valid_from,
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
        0 as owner_id,
        field.valid_from,
        jsonb_build_object('name', field.name, 'code', field.code, 'type', field.type, 'sort', field.sort)
        || coalesce(field.extra, '{}') as properties,
        '{}' as field_values
    from amocrm.field_version as field
    union all
    select
        option.account_id,
        'option' as thing,
        option.option_id as thing_id,
        option.field_id as owner_id,
        option.valid_from,
        jsonb_build_object('name', option.label, 'sort', option.sort) || coalesce(option.extra, '{}') as properties,
        '{}' as field_values
    from analytics.option_history as option
),

events as (
    -- Versions that started: an entity was added, returned or changed.
    select
        version.account_id,
        version.valid_from as observed_at,
        version.thing,
        version.thing_id,
        nullif(version.owner_id, 0) as field_id,
        version.thing_name,
        version.updated_at,
        event.change,
        event.property,
        event.value_field_id,
        event.old_value,
        event.new_value
    from versions as version
    left join lateral (
        select earlier.valid_from, earlier.valid_to, earlier.end_reason
        from versions as earlier
        where earlier.account_id = version.account_id
            and earlier.thing = version.thing
            and earlier.owner_id = version.owner_id
            and earlier.thing_id = version.thing_id
            and earlier.valid_from < version.valid_from
        order by earlier.valid_from desc
        limit 1
    ) as previous on true
    cross join lateral (
        select
            case
                when previous.valid_to is null then 'added'
                when previous.end_reason = 'mode_off' then 'mode_on'
                else 'returned'
            end as change,
            null as property,
            null::bigint as value_field_id,
            null::jsonb as old_value,
            null::jsonb as new_value
        where previous.valid_to is distinct from version.valid_from
        union all
        select
            'changed' as change,
            difference.property,
            difference.value_field_id,
            difference.old_value,
            difference.new_value
        from states as old
        join states as new using (account_id, thing, owner_id, thing_id)
        cross join lateral (
            select
                property.key as property,
                null::bigint as value_field_id,
                nullif(old.properties -> property.key, 'null') as old_value,
                nullif(new.properties -> property.key, 'null') as new_value
            from jsonb_object_keys(old.properties || new.properties) as property (key)
            union all
            select
                'field_value' as property,
                field.key::bigint as value_field_id,
                old.field_values -> field.key as old_value,
                new.field_values -> field.key as new_value
            from jsonb_object_keys(old.field_values || new.field_values) as field (key)
        ) as difference
        where previous.valid_to = version.valid_from
            and old.account_id = version.account_id
            and old.thing = version.thing
            and old.owner_id = version.owner_id
            and old.thing_id = version.thing_id
            and old.valid_from = previous.valid_from
            and new.valid_from = version.valid_from
            -- The case expression keeps the planner's row estimate low, which avoids JIT
            -- compilation.
            and case when difference.old_value is distinct from difference.new_value then 1 end = 1
    ) as event
    union all
    -- Entities that were deleted, or ended with the account's mode.
    select
        version.account_id,
        version.valid_to as observed_at,
        version.thing,
        version.thing_id,
        nullif(version.owner_id, 0) as field_id,
        version.thing_name,
        null as updated_at,
        version.end_reason as change,
        null as property,
        null as value_field_id,
        null as old_value,
        null as new_value
    from versions as version
    where version.end_reason in ('deleted', 'mode_off')
    union all
    -- Changes of the account itself, from the ledger.
    select
        snapshot.account_id,
        snapshot.observed_at,
        'account' as thing,
        snapshot.account_id as thing_id,
        null as field_id,
        (
            select account.name
            from amocrm.account
            where account.account_id = snapshot.account_id
        ) as thing_name,
        null as updated_at,
        'changed' as change,
        property.key as property,
        null as value_field_id,
        to_jsonb(property.old_value) as old_value,
        to_jsonb(property.new_value) as new_value
    from amocrm.snapshot
    cross join lateral (
        select earlier.customers_mode, earlier.timezone
        from amocrm.snapshot as earlier
        where earlier.account_id = snapshot.account_id and earlier.observed_at < snapshot.observed_at
        order by earlier.observed_at desc
        limit 1
    ) as previous
    cross join lateral (
        values
            ('customers_mode', previous.customers_mode, snapshot.customers_mode),
            ('timezone', previous.timezone, snapshot.timezone)
    ) as property (key, old_value, new_value)
    where property.old_value <> property.new_value
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
    (
        select field.name
        from amocrm.field_version as field
        where field.account_id = events.account_id
            and field.field_id = events.value_field_id
            and field.valid_from <= events.observed_at
        order by field.valid_from desc
        limit 1
    ) as value_field_name,
    events.old_value,
    events.new_value,
    case
        when events.thing = 'stage' and events.property = 'conditions' then analytics.conditions_text(events.old_value)
        when events.thing = 'stage' and events.property = 'type' then analytics.stage_type_text(events.old_value #>> '{}')
        else analytics.value_text(events.account_id, events.value_field_id, events.old_value, before.observed_at)
    end as old_text,
    case
        when events.thing = 'stage' and events.property = 'conditions' then analytics.conditions_text(events.new_value)
        when events.thing = 'stage' and events.property = 'type' then analytics.stage_type_text(events.new_value #>> '{}')
        else analytics.value_text(events.account_id, events.value_field_id, events.new_value, events.observed_at)
    end as new_text,
    case when events.updated_at > before.observed_at then events.updated_at end as updated_at
from events
cross join lateral (
    select max(snapshot.observed_at) as observed_at
    from amocrm.snapshot
    where snapshot.account_id = events.account_id and snapshot.observed_at < events.observed_at
) as before
where before.observed_at is not null;

comment on view analytics.changes is 'One row per entity that was added or deleted, and per property that changed, between two snapshots. Sizes are in segment_sizes_daily instead.';
comment on column analytics.changes.account_id is 'The account.';
comment on column analytics.changes.observed_at is 'The snapshot that first showed the change.';
comment on column analytics.changes.previous_observed_at is 'The previous snapshot, without the change: it happened between the two.';
comment on column analytics.changes.thing is 'segment, stage, field (definition of a segment''s custom field), option (choice of such a field) or account (its mode or timezone).';
comment on column analytics.changes.thing_id is 'amoCRM''s id of the entity.';
comment on column analytics.changes.field_id is 'The field that an option belongs to. Null for other entities.';
comment on column analytics.changes.thing_name is 'Name of the entity after the change, or before its deletion.';
comment on column analytics.changes.change is 'added, returned (after a deletion), mode_on and mode_off (the account''s customers mode was switched), changed, or deleted.';
comment on column analytics.changes.property is 'The property that changed; field_value for a custom field''s value. Null if the entity itself was added or deleted.';
comment on column analytics.changes.value_field_id is 'The field whose value changed. Null for other changes.';
comment on column analytics.changes.value_field_name is 'Name of that field at the time. Null for other changes.';
comment on column analytics.changes.old_value is 'Value before, as JSON; options by id. Null if it was empty.';
comment on column analytics.changes.new_value is 'Value after, as JSON; options by id. Null if it is empty.';
comment on column analytics.changes.old_text is 'Value before, as text: lists with commas, options by their labels at that time, timestamps in UTC; a stage''s rules and type in words. Null if it was empty.';
comment on column analytics.changes.new_text is 'Value after, as text: lists with commas, options by their labels at that time, timestamps in UTC; a stage''s rules and type in words. Null if it is empty.';
comment on column analytics.changes.updated_at is 'amoCRM''s time of the segment''s last update, if it is after the previous snapshot: the change happened at this second or before. Null for other entities, for deletions, and if amoCRM did not move it.';
