-- Fields of an account as they are now, the oldest first, so that new ones come last.
select field.field_id, field.name, field.type
from analytics.fields as field
where field.account_id = :account_id
order by field.field_id
