create or replace view analytics.segment_field_values as
select
    value.account_id,
    value.segment_id,
    segment.name as segment_name,
    value.valid_from,
    segment.valid_to,
    value.field_id,
    value.position,
    field.name as field_name,
    (
        select version.name
        from amocrm.field_version as version
        where version.account_id = value.account_id
            and version.field_id = value.field_id
            and version.valid_from <= value.valid_from
        order by version.valid_from desc
        limit 1
    ) as field_name_then,
    value.field_type,
    coalesce(
        to_jsonb(
            case when value.option_id is not null then (
                select option.value
                from amocrm.option_version as option
                where option.account_id = value.account_id
                    and option.field_id = value.field_id
                    and option.option_id = value.option_id
                order by option.valid_from desc
                limit 1
            ) end
        ),
        to_jsonb(value.option_id),
        to_jsonb(value.number_value),
        to_jsonb(value.boolean_value),
        to_jsonb(value.date_value),
        to_jsonb(value.timestamp_value),
        value.json_value,
        to_jsonb(value.text_value)
    ) as value,
    value.text_value,
    value.number_value,
    value.boolean_value,
    value.date_value,
    value.timestamp_value,
    value.option_id,
    case when value.option_id is not null then (
        select option.value
        from amocrm.option_version as option
        where option.account_id = value.account_id
            and option.field_id = value.field_id
            and option.option_id = value.option_id
        order by option.valid_from desc
        limit 1
    ) end as option_label,
    case when value.option_id is not null then (
        select option.value
        from amocrm.option_version as option
        where option.account_id = value.account_id
            and option.field_id = value.field_id
            and option.option_id = value.option_id
            and option.valid_from <= value.valid_from
        order by option.valid_from desc
        limit 1
    ) end as option_label_then,
    value.json_value
from amocrm.segment_field_value as value
join amocrm.segment_version as segment using (account_id, segment_id, valid_from)
left join (
    select distinct on (version.account_id, version.field_id)
        version.account_id,
        version.field_id,
        version.name
    from amocrm.field_version as version
    order by version.account_id, version.field_id, version.valid_from desc
) as field using (account_id, field_id);

comment on view analytics.segment_field_values is 'One row per value of a custom field of a segment and state of the segment; add valid_to is null for the values of now.';
comment on column analytics.segment_field_values.account_id is 'The account.';
comment on column analytics.segment_field_values.segment_id is 'The segment.';
comment on column analytics.segment_field_values.segment_name is 'Name of the segment in that state.';
comment on column analytics.segment_field_values.valid_from is 'The snapshot that first showed the segment''s state which the value belongs to.';
comment on column analytics.segment_field_values.valid_to is 'The first snapshot that no longer showed that state. Null while it is the current one.';
comment on column analytics.segment_field_values.field_id is 'The field: its identity, while its name can change.';
comment on column analytics.segment_field_values.position is 'Position among the values of the field, from 0.';
comment on column analytics.segment_field_values.field_name is 'The field''s newest known name. Null when its definition was never seen.';
comment on column analytics.segment_field_values.field_name_then is 'The field''s name when the state began. Null when its definition was not seen by then.';
comment on column analytics.segment_field_values.field_type is 'Type of the field when the value was read: it says which of the columns below holds the value.';
comment on column analytics.segment_field_values.value is 'The value as JSON, whatever its type: an option by its newest label, dates as text.';
comment on column analytics.segment_field_values.text_value is 'Text. Null for other types.';
comment on column analytics.segment_field_values.number_value is 'Number, exactly. Null for other types.';
comment on column analytics.segment_field_values.boolean_value is 'Checkbox. Null for other types; a checkbox that is not set has no row.';
comment on column analytics.segment_field_values.date_value is 'Day in the account''s timezone. Null for other types.';
comment on column analytics.segment_field_values.timestamp_value is 'Instant. Null for other types.';
comment on column analytics.segment_field_values.option_id is 'Option chosen. Null for other types.';
comment on column analytics.segment_field_values.option_label is 'The option''s newest known label. Null for other types and for options never listed.';
comment on column analytics.segment_field_values.option_label_then is 'The option''s label when the state began. Null for other types and for options not listed by then.';
comment on column analytics.segment_field_values.json_value is 'Value as received where it is an object, of a type unknown here, could not be typed, or says more than the column beside it. Null otherwise.';
