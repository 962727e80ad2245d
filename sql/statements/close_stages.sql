update amocrm.stage_version as version
set valid_to = :valid_to, end_reason = ended.reason
from unnest(cast(:stage_ids as bigint[]), cast(:reasons as text[])) as ended (stage_id, reason)
where version.account_id = :account_id and version.stage_id = ended.stage_id and version.valid_to is null
