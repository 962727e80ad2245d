-- Whether the role that asks owns the tables, or is a member of the role that does.
select pg_has_role(relowner, 'usage')
from pg_class
where oid = to_regclass('amocrm.account')
