-- name: wide_view_names
-- Wide views of all accounts.
select relation.relname
from pg_class as relation
where relation.relnamespace = 'analytics'::regnamespace
    and relation.relkind = 'v'
    and relation.relname ~ '^segments_[0-9]+$'
order by relation.relname
