-- Names of all that is in the schema amocrm: tables, indexes, types, functions.
select relname::text as name
from pg_class
where relnamespace = 'amocrm'::regnamespace
union
select typname::text
from pg_type
where typnamespace = 'amocrm'::regnamespace
union
select proname::text
from pg_proc
where pronamespace = 'amocrm'::regnamespace
