-- The rules of the stages that a snapshot saw, JSON as text, so that it is read exactly.
select rule.stage_id, rule.group_position, rule.rule_position, rule.type, rule.match::text as match, rule.rule::text as rule
from amocrm.stage_version as stage
join amocrm.stage_rule as rule using (account_id, stage_id, valid_from)
where stage.account_id = :account_id
    and stage.valid_from <= :observed_at
    and (stage.valid_to is null or stage.valid_to > :observed_at)
order by rule.stage_id, rule.group_position, rule.rule_position
