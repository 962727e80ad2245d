-- Take superuser rights from the role warehouse, which now owns everything it needs.
alter role warehouse nosuperuser noreplication nobypassrls;

