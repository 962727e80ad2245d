create or replace view analytics.segment_snapshots as
select
    snapshot.account_id,
    snapshot.observed_at,
    snapshot.observed_date,
    segment.segment_id,
    segment.name,
    segment.color,
    segment.created_at,
    (
        select size.customers_count
        from amocrm.segment_size as size
        where size.account_id = segment.account_id
            and size.segment_id = segment.segment_id
            and size.observed_at <= snapshot.observed_at
        order by size.observed_at desc
        limit 1
    ) as customers_count,
    segment.price_field_ids,
    segment.field_values,
    segment.extra,
    segment.valid_from as state_since_at,
    segment.bonus_points_conversion_rate,
    segment.bonus_points_max_discount
from analytics.snapshots as snapshot
join analytics.segment_history as segment
    on segment.account_id = snapshot.account_id
    and segment.valid_from <= snapshot.observed_at
    and (segment.valid_to is null or segment.valid_to > snapshot.observed_at)
-- Always true. The case expression keeps the planner's row estimate low, so that it starts with the
-- snapshots.
where case when snapshot.observed_at is not null then 1 end = 1;

comment on view analytics.segment_snapshots is 'One row per segment and snapshot with it: every snapshot, rebuilt from the stored changes.';
comment on column analytics.segment_snapshots.account_id is 'The account.';
comment on column analytics.segment_snapshots.observed_at is 'The snapshot.';
comment on column analytics.segment_snapshots.observed_date is 'Its day in the account''s timezone.';
comment on column analytics.segment_snapshots.segment_id is 'amoCRM''s id of the segment.';
comment on column analytics.segment_snapshots.name is 'Name at that moment.';
comment on column analytics.segment_snapshots.color is 'Colour at that moment, without a leading #.';
comment on column analytics.segment_snapshots.created_at is 'When amoCRM created the segment.';
comment on column analytics.segment_snapshots.customers_count is 'Customers in the segment at that moment. Null if amoCRM gave no usable number.';
comment on column analytics.segment_snapshots.price_field_ids is 'Ids of the catalog price fields available to the segment at that moment, ascending.';
comment on column analytics.segment_snapshots.field_values is 'Values of the custom fields at that moment by field id, each a list; options by id.';
comment on column analytics.segment_snapshots.extra is 'Properties that amoCRM does not document, as received. Null if there were none.';
comment on column analytics.segment_snapshots.state_since_at is 'The first snapshot with this description of the segment.';
comment on column analytics.segment_snapshots.bonus_points_conversion_rate is 'Share of a purchase that customers receive as bonus points, in percent. Null if amoCRM gives none.';
comment on column analytics.segment_snapshots.bonus_points_max_discount is 'Largest share of a purchase that customers can pay with bonus points, in percent. Null if amoCRM gives none.';

-- The body is a string, not BEGIN ATOMIC: Postgres then records no dependency, so views can be
-- dropped and re-created beneath the function. Views that it uses are created before it, since the
-- view above uses them, too. All names and operators are qualified, so that nothing is looked up in
-- the caller's search path. Setting the path instead would prevent Postgres from inlining the
-- function.
create or replace function analytics.as_of(account_id bigint, instant timestamptz)
returns table (
    segment_id bigint,
    observed_at timestamptz,
    name text,
    color text,
    customers_count bigint,
    created_at timestamptz,
    price_field_ids bigint[],
    field_values jsonb,
    extra jsonb,
    state_since_at timestamptz,
    bonus_points_conversion_rate numeric,
    bonus_points_max_discount numeric
)
language sql stable
as $$
    select
        segment.segment_id,
        segment.observed_at,
        segment.name,
        segment.color,
        segment.customers_count,
        segment.created_at,
        segment.price_field_ids,
        segment.field_values,
        segment.extra,
        segment.state_since_at,
        segment.bonus_points_conversion_rate,
        segment.bonus_points_max_discount
    from analytics.segment_snapshots as segment
    where segment.account_id operator(pg_catalog.=) as_of.account_id
        and segment.observed_at operator(pg_catalog.=) (
            select snapshot.observed_at
            from analytics.snapshots as snapshot
            where snapshot.account_id operator(pg_catalog.=) as_of.account_id and snapshot.observed_at operator(pg_catalog.<=) as_of.instant
            order by snapshot.observed_at desc
            limit 1
        )
$$;

comment on function analytics.as_of(bigint, timestamptz) is 'One row per segment of an account in the latest snapshot at or before an instant, which is observed_at. No rows before the first snapshot.';
