-- Whether wide views are for us to make: we may, and no reader of a single account could learn from their columns' names.
select has_schema_privilege('analytics', 'create') and not relrowsecurity
from pg_class
where oid = 'amocrm.account'::regclass
