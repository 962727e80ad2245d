-- Remember a migration, in its own transaction.
insert into amocrm.schema_migration (version, name, checksum)
values (:version, :name, :checksum)
