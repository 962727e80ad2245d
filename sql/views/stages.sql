create or replace view analytics.stages as
select
    stage.account_id,
    stage.stage_id,
    stage.name,
    stage.sort,
    stage.is_default,
    stage.color,
    stage.type,
    stage.conditions,
    stage.valid_from as state_since_at,
    (
        select snapshot.observed_at
        from analytics.snapshots as snapshot
        where snapshot.account_id = stage.account_id
        order by snapshot.observed_at desc
        limit 1
    ) as observed_at,
    stage.extra,
    stage.type_text,
    stage.conditions_text
from analytics.stage_history as stage
where stage.valid_to is null;

comment on view analytics.stages is 'One row per stage of the account''s latest snapshot, with its current state.';
comment on column analytics.stages.account_id is 'The account.';
comment on column analytics.stages.stage_id is 'amoCRM''s id of the stage (customer status).';
comment on column analytics.stages.name is 'Name.';
comment on column analytics.stages.sort is 'Position in the list of stages.';
comment on column analytics.stages.is_default is 'True for a system stage, which cannot be deleted.';
comment on column analytics.stages.color is 'Colour as amoCRM gives it, with a leading #.';
comment on column analytics.stages.type is 'Type as received; type_text has its name. amoCRM''s documentation contradicts itself on the meaning of 1 and 3.';
comment on column analytics.stages.conditions is 'Rules by which customers enter the stage: a list of groups of rules, as received. How groups combine is undocumented.';
comment on column analytics.stages.state_since_at is 'The first snapshot with the current state of the stage.';
comment on column analytics.stages.observed_at is 'The account''s latest snapshot: the row is true as of this instant.';
comment on column analytics.stages.extra is 'Properties that amoCRM does not document, as received. Null if there are none.';
comment on column analytics.stages.type_text is 'Name of the type in amoCRM''s documentation. 3 has two, because text and example of the documentation differ.';
comment on column analytics.stages.conditions_text is 'The rules in words, tags by name: rules of a group with semicolons, groups with bars. Null if there are none.';

-- The body is a string, not BEGIN ATOMIC: Postgres then records no dependency, so views can be
-- dropped and re-created beneath the function. Views that it uses are created before it, since the
-- view above uses them, too. All names and operators are qualified, so that nothing is looked up in
-- the caller's search path. Setting the path instead would prevent Postgres from inlining the
-- function.
create or replace function analytics.stages_as_of(account_id bigint, instant timestamptz)
returns table (
    stage_id bigint,
    observed_at timestamptz,
    name text,
    sort bigint,
    is_default boolean,
    color text,
    type bigint,
    conditions jsonb,
    extra jsonb,
    state_since_at timestamptz,
    type_text text,
    conditions_text text
)
language sql stable
as $$
    select
        stage.stage_id,
        snapshot.observed_at,
        stage.name,
        stage.sort,
        stage.is_default,
        stage.color,
        stage.type,
        stage.conditions,
        stage.extra,
        stage.valid_from as state_since_at,
        stage.type_text,
        stage.conditions_text
    from (
        select one.observed_at
        from analytics.snapshots as one
        where one.account_id operator(pg_catalog.=) stages_as_of.account_id and one.observed_at operator(pg_catalog.<=) stages_as_of.instant
        order by one.observed_at desc
        limit 1
    ) as snapshot
    join analytics.stage_history as stage
        on stage.account_id operator(pg_catalog.=) stages_as_of.account_id
        and stage.valid_from operator(pg_catalog.<=) snapshot.observed_at
        and (stage.valid_to is null or stage.valid_to operator(pg_catalog.>) snapshot.observed_at)
$$;

comment on function analytics.stages_as_of(bigint, timestamptz) is 'One row per stage of an account in the latest snapshot at or before an instant, which is observed_at. No rows before the first snapshot.';
