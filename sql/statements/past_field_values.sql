-- The values of fields of the segments that a snapshot saw, JSON as text, so that it is read exactly.
select
    value.segment_id, value.field_id, value.position, value.field_type, value.text_value, value.number_value,
    value.boolean_value, value.date_value, value.timestamp_value, value.option_id, value.json_value::text as json_value
from amocrm.segment_version as segment
join amocrm.segment_field_value as value using (account_id, segment_id, valid_from)
where segment.account_id = :account_id
    and segment.valid_from <= :observed_at
    and (segment.valid_to is null or segment.valid_to > :observed_at)
order by value.segment_id, value.field_id, value.position
