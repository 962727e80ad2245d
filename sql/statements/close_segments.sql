update amocrm.segment_version as version
set valid_to = :valid_to, end_reason = ended.reason
from unnest(cast(:segment_ids as bigint[]), cast(:reasons as text[])) as ended (segment_id, reason)
where version.account_id = :account_id and version.segment_id = ended.segment_id and version.valid_to is null
