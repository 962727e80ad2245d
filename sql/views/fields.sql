create or replace view analytics.fields as
select
    field.account_id,
    field.field_id,
    field.name,
    case
        when field.name <> ''
            and count(*) over (partition by field.account_id, field.name) = 1
            -- A name that ends like the label of another field, 'X (5)', is followed by its own id, too.
            -- Segments can have values of a field that is no longer listed: those are labelled '(5)'.
            and field.name !~ '^\([0-9]+\)$'
            and not exists (
                select
                from amocrm.field_version as other
                where other.account_id = field.account_id
                    and other.valid_to is null
                    and other.field_id <> field.field_id
                    and other.field_id::text = substring(field.name from '\(([0-9]+)\)$')
            )
            then field.name
        else concat_ws(' ', nullif(field.name, ''), '(' || field.field_id || ')')
    end as label,
    field.code,
    field.type,
    field.sort,
    (
        select jsonb_object_agg(option.option_id, option.value)
        from amocrm.option_version as option
        where option.account_id = field.account_id and option.field_id = field.field_id and option.valid_to is null
    ) as option_labels,
    field.valid_from as state_since_at,
    field.extra
from amocrm.field_version as field
where field.valid_to is null;

comment on view analytics.fields is 'One row per custom field of segments in the account''s latest snapshot, including fields without values.';
comment on column analytics.fields.account_id is 'The account.';
comment on column analytics.fields.field_id is 'amoCRM''s id of the field: its identity; name and code can change.';
comment on column analytics.fields.name is 'Name; two fields may share one.';
comment on column analytics.fields.label is 'The name, followed by the id if the name is empty, not unique, or ends like another field''s label: labels are unique in an account.';
comment on column analytics.fields.code is 'Code given by an integration or a user. Null if there is none.';
comment on column analytics.fields.type is 'Type, for example text, numeric, select; as received.';
comment on column analytics.fields.sort is 'Position among the fields.';
comment on column analytics.fields.option_labels is 'Labels of the options by id. Null if the field has no options.';
comment on column analytics.fields.state_since_at is 'The first snapshot with the current definition, not counting its options.';
comment on column analytics.fields.extra is 'All other properties of the definition, as received. Null if there are none.';
