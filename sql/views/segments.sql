create or replace view analytics.segments as
select
    current.account_id,
    current.segment_id,
    segment.name,
    segment.color,
    current.customers_count,
    (
        select max(size.observed_at)
        from amocrm.segment_size as size
        where size.account_id = current.account_id and size.segment_id = current.segment_id
    ) as size_since_at,
    segment.created_at,
    segment.valid_from as state_since_at,
    (
        select max(snapshot.observed_at)
        from amocrm.snapshot
        where snapshot.account_id = current.account_id
    ) as observed_at,
    segment.price_field_ids,
    (
        select coalesce(jsonb_object_agg(by_field.label, by_field.field_values), '{}')
        from (
            select
                coalesce(fields.labels ->> value.field_id::text, '(' || value.field_id || ')') as label,
                jsonb_agg(value.value order by value.position) as field_values
            from analytics.segment_field_values as value
            where value.account_id = current.account_id
                and value.segment_id = current.segment_id
                and value.valid_from = current.valid_from
            group by value.field_id
        ) as by_field
    ) as field_values,
    segment.extra,
    segment.bonus_points_conversion_rate,
    segment.bonus_points_max_discount
from amocrm.segment_current as current
join analytics.segment_history as segment using (account_id, segment_id, valid_from)
left join (
    select field.account_id, jsonb_object_agg(field.field_id, field.label) as labels
    from analytics.fields as field
    group by field.account_id
) as fields using (account_id);

comment on view analytics.segments is 'One row per segment of the account''s latest snapshot: its current size and description.';
comment on column analytics.segments.account_id is 'The account.';
comment on column analytics.segments.segment_id is 'amoCRM''s id of the segment.';
comment on column analytics.segments.name is 'Name.';
comment on column analytics.segments.color is 'Colour as amoCRM gives it, without a leading #.';
comment on column analytics.segments.customers_count is 'Customers in the segment. A customer can be in several segments, so sizes do not add up to the number of customers. Null while amoCRM gives no usable number.';
comment on column analytics.segments.size_since_at is 'The first snapshot with this size. Null if amoCRM never gave a usable number.';
comment on column analytics.segments.created_at is 'When amoCRM created the segment.';
comment on column analytics.segments.state_since_at is 'The first snapshot with the current description of the segment.';
comment on column analytics.segments.observed_at is 'The account''s latest snapshot: the row is true as of this instant.';
comment on column analytics.segments.price_field_ids is 'Ids of the catalog price fields available to the segment, ascending.';
comment on column analytics.segments.field_values is 'Values of the segment''s custom fields by the field''s label (see the view fields), each a list; options by their labels.';
comment on column analytics.segments.extra is 'Properties that amoCRM does not document, as received. Null if there are none.';
comment on column analytics.segments.bonus_points_conversion_rate is 'Share of a purchase that customers receive as bonus points, in percent. Null if amoCRM gives none.';
comment on column analytics.segments.bonus_points_max_discount is 'Largest share of a purchase that customers can pay with bonus points, in percent. Null if amoCRM gives none.';

-- The body is a string, not BEGIN ATOMIC: Postgres then records no dependency, so views can be
-- dropped and re-created beneath the function. Views that it uses are created before it, since the
-- view above uses them, too. The wide views select from this function, so its columns must not
-- change: other columns need another function. All names and operators are qualified, so that
-- nothing is looked up in the caller's search path. Setting the path instead would prevent Postgres
-- from inlining the function.
create or replace function analytics.segments_by_field(account_id bigint)
returns table (
    segment_id bigint,
    name text,
    customers_count bigint,
    color text,
    created_at timestamptz,
    state_since_at timestamptz,
    observed_at timestamptz,
    texts jsonb,
    numbers jsonb,
    booleans jsonb,
    dates jsonb,
    instants jsonb
)
language sql stable
as $$
    select
        segment.segment_id,
        segment.name,
        segment.customers_count,
        segment.color,
        segment.created_at,
        segment.state_since_at,
        segment.observed_at,
        by_field.texts,
        by_field.numbers,
        by_field.booleans,
        by_field.dates,
        by_field.instants
    from analytics.segments as segment
    cross join lateral (
        select
            pg_catalog.jsonb_object_agg(field.field_id, field.text) as texts,
            pg_catalog.jsonb_object_agg(field.field_id, field.number) as numbers,
            pg_catalog.jsonb_object_agg(field.field_id, field.boolean) as booleans,
            pg_catalog.jsonb_object_agg(field.field_id, field.date) as dates,
            pg_catalog.jsonb_object_agg(field.field_id, field.instant) as instants
        from (
            select
                value.field_id,
                pg_catalog.string_agg(value.value operator(pg_catalog.#>>) '{}', ', ' order by value.position) as text,
                pg_catalog.min(value.number_value) filter (where value.position operator(pg_catalog.=) 0) as number,
                pg_catalog.bool_or(value.boolean_value) filter (where value.position operator(pg_catalog.=) 0) as boolean,
                pg_catalog.min(value.date_value) filter (where value.position operator(pg_catalog.=) 0) as date,
                pg_catalog.min(value.timestamp_value) filter (where value.position operator(pg_catalog.=) 0) as instant
            from analytics.segment_field_values as value
            where value.account_id operator(pg_catalog.=) segments_by_field.account_id
                and value.segment_id operator(pg_catalog.=) segment.segment_id
                and value.valid_from operator(pg_catalog.=) segment.state_since_at
            group by value.field_id
        ) as field
    ) as by_field
    where segment.account_id operator(pg_catalog.=) segments_by_field.account_id
$$;

comment on function analytics.segments_by_field(bigint) is 'One row per current segment of an account, with the values of its custom fields by field id: all of them as text, and numbers, checkboxes, dates and timestamps with their types. The wide view segments_<account id> selects from it.';
