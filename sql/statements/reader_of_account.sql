-- Name of the role that reads one account here.
select name
from amocrm.role_name
where purpose = 'reader_of_account' and account_id = :account_id
order by name
limit 1
