-- Whether the server has a role of that name.
select exists(select from pg_roles where rolname = :role)
