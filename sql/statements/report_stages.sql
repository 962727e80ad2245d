-- An account's stages in their order, with the rules that lead into each.
select stage_id, name, is_default, state_since_at, conditions
from analytics.stages
where account_id = :account_id
order by sort, stage_id
