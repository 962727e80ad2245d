-- Whether the role that asks may make others.
select rolsuper or rolcreaterole
from pg_roles
where rolname = current_user
