create or replace view analytics.segment_sizes as
select
    size.account_id,
    size.segment_id,
    segment.name,
    size.observed_at as valid_from,
    (
        select min(later.observed_at)
        from amocrm.segment_size as later
        where later.account_id = size.account_id
            and later.segment_id = size.segment_id
            and later.observed_at > size.observed_at
    ) as valid_to,
    size.customers_count,
    size.customers_count - (
        select earlier.customers_count
        from amocrm.segment_size as earlier
        where earlier.account_id = size.account_id
            and earlier.segment_id = size.segment_id
            and earlier.observed_at < size.observed_at
        order by earlier.observed_at desc
        limit 1
    ) as change_count
from amocrm.segment_size as size
left join (
    -- A version that ended as changed has a successor: few others remain in a long history.
    select distinct on (version.account_id, version.segment_id)
        version.account_id,
        version.segment_id,
        version.name
    from amocrm.segment_version as version
    where version.end_reason is distinct from 'changed'
    order by version.account_id, version.segment_id, version.valid_from desc
) as segment using (account_id, segment_id)
where size.customers_count is not null;

comment on view analytics.segment_sizes is 'One row per size of a segment, from the first snapshot with it to the first without it.';
comment on column analytics.segment_sizes.account_id is 'The account.';
comment on column analytics.segment_sizes.segment_id is 'amoCRM''s id of the segment.';
comment on column analytics.segment_sizes.name is 'The segment''s latest known name.';
comment on column analytics.segment_sizes.valid_from is 'The first snapshot with this size; the change happened between it and the previous snapshot.';
comment on column analytics.segment_sizes.valid_to is 'The first snapshot with another size, with no usable number, or without the segment. Null while it is current.';
comment on column analytics.segment_sizes.customers_count is 'Customers in the segment. A customer can be in several segments, so sizes do not add up to the number of customers.';
comment on column analytics.segment_sizes.change_count is 'This size minus the previous one. Null if the segment had no known size right before.';
