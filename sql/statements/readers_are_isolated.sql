-- Whether readers of single accounts are told apart: row-level security is on once the first of them was made.
select relrowsecurity
from pg_class
where oid = to_regclass('amocrm.account')
