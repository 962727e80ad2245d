-- An account's stages in their order, with how many rules lead into each.
select stage.stage_id, stage.name, stage.is_default, stage.state_since_at, count(rule.stage_id) as rule_count
from analytics.stages as stage
left join analytics.stage_rules as rule
    on rule.account_id = stage.account_id and rule.stage_id = stage.stage_id and rule.valid_to is null
where stage.account_id = :account_id
group by stage.account_id, stage.stage_id, stage.name, stage.is_default, stage.sort, stage.state_since_at
order by stage.sort, stage.stage_id
