-- The newest changes of an account that snapshots after an instant showed; options in values stand by their labels of the time.
select
    change.observed_at,
    change.previous_observed_at,
    change.thing,
    change.thing_id,
    change.thing_name,
    change.change,
    change.property,
    change.value_field_name,
    case when change.property = 'field_value' then old_labels.value else change.old_value end as old_value,
    case when change.property = 'field_value' then new_labels.value else change.new_value end as new_value
from analytics.changes as change
left join lateral (
    select jsonb_agg(coalesce(to_jsonb(option.value), item.value) order by item.position) as value
    from jsonb_array_elements(case when change.property = 'field_value' then change.old_value end) with ordinality as item (value, position)
    left join lateral (
        select option_version.value
        from amocrm.option_version
        where option_version.account_id = change.account_id
            and option_version.field_id = change.value_field_id
            and option_version.option_id::text = item.value::text
            and option_version.valid_from < change.observed_at
        order by option_version.valid_from desc
        limit 1
    ) as option on true
) as old_labels on change.property = 'field_value'
left join lateral (
    select jsonb_agg(coalesce(to_jsonb(option.value), item.value) order by item.position) as value
    from jsonb_array_elements(case when change.property = 'field_value' then change.new_value end) with ordinality as item (value, position)
    left join lateral (
        select option_version.value
        from amocrm.option_version
        where option_version.account_id = change.account_id
            and option_version.field_id = change.value_field_id
            and option_version.option_id::text = item.value::text
            and option_version.valid_from <= change.observed_at
        order by option_version.valid_from desc
        limit 1
    ) as option on true
) as new_labels on change.property = 'field_value'
where change.account_id = :account_id and change.observed_at > :after
order by change.observed_at desc, change.thing desc, change.change, change.thing_id, change.property, change.value_field_id
limit :most
