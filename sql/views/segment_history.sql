create or replace view analytics.segment_history as
select
    version.account_id,
    version.segment_id,
    version.valid_from,
    version.valid_to,
    version.end_reason,
    version.name,
    version.color,
    version.created_at,
    array(
        select price.price_field_id
        from amocrm.segment_price_field as price
        where price.account_id = version.account_id
            and price.segment_id = version.segment_id
            and price.valid_from = version.valid_from
        order by price.price_field_id
    ) as price_field_ids,
    (
        select coalesce(jsonb_object_agg(by_field.field_id, by_field.field_values), '{}')
        from (
            select
                value.field_id,
                jsonb_agg(
                    coalesce(
                        to_jsonb(value.option_id),
                        value.json_value,
                        to_jsonb(value.text_value),
                        to_jsonb(value.number_value),
                        to_jsonb(value.boolean_value),
                        to_jsonb(value.date_value),
                        to_jsonb(value.timestamp_value)
                    )
                    order by value.position
                ) as field_values
            from amocrm.segment_field_value as value
            where value.account_id = version.account_id
                and value.segment_id = version.segment_id
                and value.valid_from = version.valid_from
            group by value.field_id
        ) as by_field
    ) as field_values,
    version.extra,
    version.updated_at
from amocrm.segment_version as version;

comment on view analytics.segment_history is 'One row per state of a segment, without its size, from the first snapshot with it to the first without it.';
comment on column analytics.segment_history.account_id is 'The account.';
comment on column analytics.segment_history.segment_id is 'amoCRM''s id of the segment.';
comment on column analytics.segment_history.valid_from is 'The first snapshot with this state; the change happened between it and the previous snapshot.';
comment on column analytics.segment_history.valid_to is 'The first snapshot without this state. Null while it is current.';
comment on column analytics.segment_history.end_reason is 'Why it ended: changed, deleted (confirmed by amoCRM), mode_off (the account''s customers mode was switched). Null while open.';
comment on column analytics.segment_history.name is 'Name.';
comment on column analytics.segment_history.color is 'Colour as amoCRM gives it, without a leading #.';
comment on column analytics.segment_history.created_at is 'When amoCRM created the segment.';
comment on column analytics.segment_history.price_field_ids is 'Ids of the catalog price fields available to the segment, ascending.';
comment on column analytics.segment_history.field_values is 'Values of the custom fields by field id, each a list; options by id. segment_field_values has them by name.';
comment on column analytics.segment_history.extra is 'Properties that amoCRM does not document, as received. Null if there are none.';
comment on column analytics.segment_history.updated_at is 'When amoCRM last updated the segment, as the first snapshot of this state showed it. If it lies between the previous snapshot and valid_from, it is the second of the change.';
