-- The role of the warehouse has all that it needs, so it is no superuser from here on.
alter role warehouse nosuperuser noreplication nobypassrls;

