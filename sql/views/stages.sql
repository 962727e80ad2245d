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
    newest.observed_at,
    stage.extra
from analytics.stage_history as stage
cross join lateral (
    select max(snapshot.observed_at) as observed_at
    from amocrm.snapshot
    where snapshot.account_id = stage.account_id
) as newest
where stage.valid_to is null;

comment on view analytics.stages is 'One row per stage that the account''s newest snapshot saw, as it is now.';
comment on column analytics.stages.account_id is 'The account.';
comment on column analytics.stages.stage_id is 'amoCRM''s id of the stage (customer status).';
comment on column analytics.stages.name is 'Name.';
comment on column analytics.stages.sort is 'Position among the stages.';
comment on column analytics.stages.is_default is 'Whether it is a system stage, which cannot be deleted.';
comment on column analytics.stages.color is 'Colour as amoCRM gives it, with a leading #.';
comment on column analytics.stages.type is 'Type as received: amoCRM''s documentation contradicts itself on the meaning of 1 to 3.';
comment on column analytics.stages.conditions is 'Rules by which customers enter the stage: a list of groups of rules, as received. How groups combine is undocumented.';
comment on column analytics.stages.state_since_at is 'The snapshot that first showed the stage as it is now.';
comment on column analytics.stages.observed_at is 'The account''s newest snapshot: the row is true as of this instant.';
comment on column analytics.stages.extra is 'Properties that amoCRM''s documentation does not know, as received. Null when there are none.';
