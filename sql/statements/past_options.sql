-- The options that a snapshot saw, JSON as text, so that it is read exactly.
select field_id, option_id, value, sort, extra::text as extra, content_hash
from amocrm.option_version
where account_id = :account_id and valid_from <= :observed_at and (valid_to is null or valid_to > :observed_at)
order by field_id, option_id
