-- Whether this database stores which roles are its own: migration 0013 makes the table.
select to_regclass('amocrm.role_name') is not null
