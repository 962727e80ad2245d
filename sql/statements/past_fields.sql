-- The fields that a snapshot saw, JSON as text, so that it is read exactly.
select field_id, name, code, type, sort, extra::text as extra, content_hash
from amocrm.field_version
where account_id = :account_id and valid_from <= :observed_at and (valid_to is null or valid_to > :observed_at)
order by field_id
