-- List the databases of an embedded server in which objects may need a new owner.
select datname from pg_database where datallowconn and not datistemplate;

