-- The views that are ours, and whether they are still there.
select name, checksum, to_regclass(format('analytics.%I', name)) is not null as is_there
from amocrm.schema_view
order by name
