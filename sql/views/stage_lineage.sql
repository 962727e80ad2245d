-- Restored entities are few, so the recursion stays small; the history itself is only joined.
create or replace view analytics.stage_lineage as
with recursive successors as not materialized (
    select
        restored.account_id,
        restored.thing_id as stage_id,
        restored.replaces_id as predecessor_id,
        call.intended_at as restored_at,
        call.restored_from
    from amocrm.write_back_thing as restored
    join amocrm.write_back as call using (account_id, call_id)
    where restored.thing = 'stage'
        and restored.replaces_id is not null
        and restored.thing_id is not null
    ),

ancestors as (
    select
        successor.account_id,
        successor.stage_id,
        successor.predecessor_id as ancestor_id,
        1 as generation
    from successors as successor
    union all
    select
        descendant.account_id,
        descendant.stage_id,
        successor.predecessor_id as ancestor_id,
        descendant.generation + 1 as generation
    from ancestors as descendant
    join successors as successor
        on successor.account_id = descendant.account_id and successor.stage_id = descendant.ancestor_id
) cycle account_id, stage_id, ancestor_id set is_circle using path,

oldest as (
    select distinct on (ancestor.account_id, ancestor.stage_id)
        ancestor.account_id,
        ancestor.stage_id,
        ancestor.ancestor_id,
        ancestor.generation
    from ancestors as ancestor
    where not ancestor.is_circle
    order by ancestor.account_id, ancestor.stage_id, ancestor.generation desc
)

select
    stage.account_id,
    stage.stage_id,
    stage.name,
    coalesce(oldest.ancestor_id, stage.stage_id) as lineage_id,
    coalesce(oldest.generation, 0) as generation,
    own.predecessor_id,
    (
        select later.stage_id
        from successors as later
        where later.account_id = stage.account_id and later.predecessor_id = stage.stage_id
        order by later.restored_at desc
        limit 1
    ) as successor_id,
    own.restored_at,
    own.restored_from,
    stage.first_observed_at,
    stage.gone_at
from (
    select distinct on (version.account_id, version.stage_id)
        version.account_id,
        version.stage_id,
        version.name,
        (
            select min(earlier.valid_from)
            from amocrm.stage_version as earlier
            where earlier.account_id = version.account_id and earlier.stage_id = version.stage_id
        ) as first_observed_at,
        version.valid_to as gone_at
    from amocrm.stage_version as version
    order by version.account_id, version.stage_id, version.valid_from desc
) as stage
left join oldest using (account_id, stage_id)
left join lateral (
    select successor.predecessor_id, successor.restored_at, successor.restored_from
    from successors as successor
    where successor.account_id = stage.account_id and successor.stage_id = stage.stage_id
    order by successor.restored_at desc
    limit 1
) as own on true;

comment on view analytics.stage_lineage is 'One row per stage that ever existed, with its predecessor and successor by restores. A stage and its successors share a lineage_id.';
comment on column analytics.stage_lineage.account_id is 'The account.';
comment on column analytics.stage_lineage.stage_id is 'amoCRM''s id of the stage.';
comment on column analytics.stage_lineage.name is 'Latest known name.';
comment on column analytics.stage_lineage.lineage_id is 'Id of the oldest stage of its lineage; its own id if it was never restored.';
comment on column analytics.stage_lineage.generation is 'Number of restores between that one and this one.';
comment on column analytics.stage_lineage.predecessor_id is 'The deleted stage that it replaced. Null if it was not restored.';
comment on column analytics.stage_lineage.successor_id is 'The stage that replaced it, the latest if there are several. Null if there is none.';
comment on column analytics.stage_lineage.restored_at is 'When it was added to replace its predecessor. Null if it was not restored.';
comment on column analytics.stage_lineage.restored_from is 'The snapshot from which the predecessor''s state was restored. Null if it was not restored.';
comment on column analytics.stage_lineage.first_observed_at is 'The first snapshot with the stage.';
comment on column analytics.stage_lineage.gone_at is 'The first snapshot without the stage. Null while it exists.';
