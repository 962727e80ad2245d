-- The databases of an embedded server whose contents may have to get another owner.
select datname from pg_database where datallowconn and not datistemplate;

