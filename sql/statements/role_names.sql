-- The roles of the server that are this database's own, by purpose; those that read one account are left out.
select purpose, name
from amocrm.role_name
where account_id is null
