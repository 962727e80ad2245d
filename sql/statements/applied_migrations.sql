-- What was applied to this database, in order.
select version, name, checksum
from amocrm.schema_migration
order by version
