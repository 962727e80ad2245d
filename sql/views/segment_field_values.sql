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

comment on view analytics.segment_field_values is 'One row per value of a custom field and state of a segment. For the current values, add ''valid_to is null''.';
comment on column analytics.segment_field_values.account_id is 'The account.';
comment on column analytics.segment_field_values.segment_id is 'The segment.';
comment on column analytics.segment_field_values.segment_name is 'Name of the segment in that state.';
comment on column analytics.segment_field_values.valid_from is 'The first snapshot with the segment''s state that has the value.';
comment on column analytics.segment_field_values.valid_to is 'The first snapshot without that state. Null while it is current.';
comment on column analytics.segment_field_values.field_id is 'The field: its identity; its name can change.';
comment on column analytics.segment_field_values.position is 'Position in the field''s values, from 0.';
comment on column analytics.segment_field_values.field_name is 'The field''s latest known name. Null if no snapshot has its definition.';
comment on column analytics.segment_field_values.field_name_then is 'The field''s name when the state started. Null if no snapshot until then has its definition.';
comment on column analytics.segment_field_values.field_type is 'Type of the field when the value was parsed; it determines which of the columns below has the value.';
comment on column analytics.segment_field_values.value is 'The value as JSON, of any type: options by their latest label, dates as text.';
comment on column analytics.segment_field_values.text_value is 'Text. Null for other types.';
comment on column analytics.segment_field_values.number_value is 'Number, exactly. Null for other types.';
comment on column analytics.segment_field_values.boolean_value is 'Checkbox. Null for other types. An unset checkbox has no row.';
comment on column analytics.segment_field_values.date_value is 'Day in the account''s timezone. Null for other types.';
comment on column analytics.segment_field_values.timestamp_value is 'Instant. Null for other types.';
comment on column analytics.segment_field_values.option_id is 'Option chosen. Null for other types.';
comment on column analytics.segment_field_values.option_label is 'The option''s latest known label. Null for other types and for options never listed.';
comment on column analytics.segment_field_values.option_label_then is 'The option''s label when the state started. Null for other types and for options not listed by then.';
comment on column analytics.segment_field_values.json_value is 'Value as received if it is an object, has an unknown type, could not be converted, or has more detail than the typed column. Null otherwise.';
