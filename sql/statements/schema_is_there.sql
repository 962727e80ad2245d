-- Whether migrating was ever begun in this database.
select to_regclass('amocrm.schema_migration') is not null
