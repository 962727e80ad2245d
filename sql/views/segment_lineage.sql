-- Restored entities are few, so the recursion stays small; the history itself is only joined.
create or replace view analytics.segment_lineage as
with recursive successors as not materialized (
    select
        restored.account_id,
        restored.thing_id as segment_id,
        restored.replaces_id as predecessor_id,
        call.intended_at as restored_at,
        call.restored_from
    from amocrm.write_back_thing as restored
    join amocrm.write_back as call using (account_id, call_id)
    where restored.thing = 'segment'
        and restored.replaces_id is not null
        and restored.thing_id is not null
    ),

ancestors as (
    select
        successor.account_id,
        successor.segment_id,
        successor.predecessor_id as ancestor_id,
        1 as generation
    from successors as successor
    union all
    select
        descendant.account_id,
        descendant.segment_id,
        successor.predecessor_id as ancestor_id,
        descendant.generation + 1 as generation
    from ancestors as descendant
    join successors as successor
        on successor.account_id = descendant.account_id and successor.segment_id = descendant.ancestor_id
) cycle account_id, segment_id, ancestor_id set is_circle using path,

oldest as (
    select distinct on (ancestor.account_id, ancestor.segment_id)
        ancestor.account_id,
        ancestor.segment_id,
        ancestor.ancestor_id,
        ancestor.generation
    from ancestors as ancestor
    where not ancestor.is_circle
    order by ancestor.account_id, ancestor.segment_id, ancestor.generation desc
)

select
    segment.account_id,
    segment.segment_id,
    segment.name,
    coalesce(oldest.ancestor_id, segment.segment_id) as lineage_id,
    coalesce(oldest.generation, 0) as generation,
    own.predecessor_id,
    (
        select later.segment_id
        from successors as later
        where later.account_id = segment.account_id and later.predecessor_id = segment.segment_id
        order by later.restored_at desc
        limit 1
    ) as successor_id,
    own.restored_at,
    own.restored_from,
    segment.first_observed_at,
    segment.gone_at
from (
    select distinct on (version.account_id, version.segment_id)
        version.account_id,
        version.segment_id,
        version.name,
        (
            select min(earlier.valid_from)
            from amocrm.segment_version as earlier
            where earlier.account_id = version.account_id and earlier.segment_id = version.segment_id
        ) as first_observed_at,
        version.valid_to as gone_at
    from amocrm.segment_version as version
    order by version.account_id, version.segment_id, version.valid_from desc
) as segment
left join oldest using (account_id, segment_id)
left join lateral (
    select successor.predecessor_id, successor.restored_at, successor.restored_from
    from successors as successor
    where successor.account_id = segment.account_id and successor.segment_id = segment.segment_id
    order by successor.restored_at desc
    limit 1
) as own on true;

comment on view analytics.segment_lineage is 'One row per segment that ever existed, with its predecessor and successor by restores. A segment and its successors share a lineage_id.';
comment on column analytics.segment_lineage.account_id is 'The account.';
comment on column analytics.segment_lineage.segment_id is 'amoCRM''s id of the segment.';
comment on column analytics.segment_lineage.name is 'Latest known name.';
comment on column analytics.segment_lineage.lineage_id is 'Id of the oldest segment of its lineage; its own id if it was never restored.';
comment on column analytics.segment_lineage.generation is 'Number of restores between that one and this one.';
comment on column analytics.segment_lineage.predecessor_id is 'The deleted segment that it replaced. Null if it was not restored.';
comment on column analytics.segment_lineage.successor_id is 'The segment that replaced it, the latest if there are several. Null if there is none.';
comment on column analytics.segment_lineage.restored_at is 'When it was added to replace its predecessor. Null if it was not restored.';
comment on column analytics.segment_lineage.restored_from is 'The snapshot from which the predecessor''s state was restored. Null if it was not restored.';
comment on column analytics.segment_lineage.first_observed_at is 'The first snapshot with the segment.';
comment on column analytics.segment_lineage.gone_at is 'The first snapshot without the segment. Null while it exists.';
