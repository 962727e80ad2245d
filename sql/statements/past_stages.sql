-- The stages that a snapshot saw, JSON as text, so that it is read exactly.
select stage_id, name, sort, is_default, color, type, rule_group_count, extra::text as extra, content_hash
from amocrm.stage_version
where account_id = :account_id and valid_from <= :observed_at and (valid_to is null or valid_to > :observed_at)
order by stage_id
