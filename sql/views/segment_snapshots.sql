create or replace view analytics.segment_snapshots as
select
    snapshot.account_id,
    snapshot.observed_at,
    snapshot.observed_date,
    segment.segment_id,
    segment.name,
    segment.color,
    segment.created_at,
    size.customers_count,
    segment.price_field_ids,
    segment.field_values,
    segment.extra,
    segment.valid_from as state_since_at
from amocrm.snapshot
join analytics.segment_history as segment
    on segment.account_id = snapshot.account_id
    and segment.valid_from <= snapshot.observed_at
    and (segment.valid_to is null or segment.valid_to > snapshot.observed_at)
left join lateral (
    select segment_size.customers_count
    from amocrm.segment_size
    where segment_size.account_id = segment.account_id
        and segment_size.segment_id = segment.segment_id
        and segment_size.observed_at <= snapshot.observed_at
    order by segment_size.observed_at desc
    limit 1
) as size on true;

comment on view analytics.segment_snapshots is 'One row per segment and snapshot that saw it: every snapshot rebuilt as if it had been stored as a copy.';
comment on column analytics.segment_snapshots.account_id is 'The account.';
comment on column analytics.segment_snapshots.observed_at is 'The snapshot.';
comment on column analytics.segment_snapshots.observed_date is 'Its day in the account''s timezone.';
comment on column analytics.segment_snapshots.segment_id is 'amoCRM''s id of the segment.';
comment on column analytics.segment_snapshots.name is 'Name at that moment.';
comment on column analytics.segment_snapshots.color is 'Colour at that moment, without a leading #.';
comment on column analytics.segment_snapshots.created_at is 'When the segment was created, by amoCRM.';
comment on column analytics.segment_snapshots.customers_count is 'Customers in the segment at that moment. Null when amoCRM gave no usable number.';
comment on column analytics.segment_snapshots.price_field_ids is 'Ids of the catalog price fields available to the segment at that moment, ascending.';
comment on column analytics.segment_snapshots.field_values is 'Values of the custom fields at that moment by field id, each a list; an option is its id.';
comment on column analytics.segment_snapshots.extra is 'Properties that amoCRM''s documentation does not know, as received. Null when there were none.';
comment on column analytics.segment_snapshots.state_since_at is 'The snapshot that first showed the segment described like this.';
