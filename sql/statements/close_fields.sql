update amocrm.field_version as version
set valid_to = :valid_to, end_reason = ended.reason
from unnest(cast(:field_ids as bigint[]), cast(:reasons as text[])) as ended (field_id, reason)
where version.account_id = :account_id and version.field_id = ended.field_id and version.valid_to is null
