create or replace view analytics.stage_history as
select
    version.account_id,
    version.stage_id,
    version.valid_from,
    version.valid_to,
    version.end_reason,
    version.name,
    version.sort,
    version.is_default,
    version.color,
    version.type,
    (
        select coalesce(jsonb_agg(rule_group.rules order by rule_group.position), '[]')
        from (
            select
                place.position,
                coalesce(
                    jsonb_agg(rule.rule order by rule.rule_position) filter (where rule.rule is not null), '[]'
                ) as rules
            from unnest(array(select generate_series(0, version.rule_group_count - 1))) as place (position)
            left join amocrm.stage_rule as rule
                on rule.account_id = version.account_id
                and rule.stage_id = version.stage_id
                and rule.valid_from = version.valid_from
                and rule.group_position = place.position
            group by place.position
        ) as rule_group
    ) as conditions,
    version.extra
from amocrm.stage_version as version;

comment on view analytics.stage_history is 'One row per state of a stage, including its rules, from the first snapshot with it to the first without it.';
comment on column analytics.stage_history.account_id is 'The account.';
comment on column analytics.stage_history.stage_id is 'amoCRM''s id of the stage (customer status).';
comment on column analytics.stage_history.valid_from is 'The first snapshot with this state; the change happened between it and the previous snapshot.';
comment on column analytics.stage_history.valid_to is 'The first snapshot without this state. Null while it is current.';
comment on column analytics.stage_history.end_reason is 'Why it ended: changed, deleted (confirmed by amoCRM), mode_off (the account''s customers mode was switched). Null while open.';
comment on column analytics.stage_history.name is 'Name.';
comment on column analytics.stage_history.sort is 'Position in the list of stages.';
comment on column analytics.stage_history.is_default is 'True for a system stage, which cannot be deleted.';
comment on column analytics.stage_history.color is 'Colour as amoCRM gives it, with a leading #.';
comment on column analytics.stage_history.type is 'Type as received: amoCRM''s documentation contradicts itself on the meaning of 1 to 3.';
comment on column analytics.stage_history.conditions is 'Rules by which customers enter the stage: a list of groups of rules, as received. How groups combine is undocumented.';
comment on column analytics.stage_history.extra is 'Properties that amoCRM does not document, as received. Null if there are none.';
