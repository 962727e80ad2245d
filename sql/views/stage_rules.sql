create or replace view analytics.stage_rules as
select
    rule.account_id,
    rule.stage_id,
    stage.name as stage_name,
    rule.valid_from,
    stage.valid_to,
    rule.group_position,
    rule.rule_position,
    rule.type,
    rule.match,
    rule.rule,
    analytics.rule_text(rule.rule) as rule_text
from amocrm.stage_rule as rule
join amocrm.stage_version as stage using (account_id, stage_id, valid_from);

comment on view analytics.stage_rules is 'One row per rule and state of a stage. For the current rules, add ''valid_to is null''.';
comment on column analytics.stage_rules.account_id is 'The account.';
comment on column analytics.stage_rules.stage_id is 'The stage (customer status).';
comment on column analytics.stage_rules.stage_name is 'Name of the stage in that state.';
comment on column analytics.stage_rules.valid_from is 'The first snapshot with the stage''s state that has the rule.';
comment on column analytics.stage_rules.valid_to is 'The first snapshot without that state. Null while it is current.';
comment on column analytics.stage_rules.group_position is 'Position of the rule''s group, from 0. It is undocumented whether groups are combined by and or by or. An empty group has no row.';
comment on column analytics.stage_rules.rule_position is 'Position of the rule in its group, from 0.';
comment on column analytics.stage_rules.type is 'Kind of rule, for example before_purchase, after_today, tag. Null if amoCRM gave none.';
comment on column analytics.stage_rules.match is 'Value that the rule compares with: a number or a list, as JSON. Null if amoCRM gave none.';
comment on column analytics.stage_rules.rule is 'The whole rule as received.';
comment on column analytics.stage_rules.rule_text is 'The rule in words, tags by name, as in "after purchase: 14 days".';
