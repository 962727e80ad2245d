-- Forgets which roles are this database's own; those that read one account are left out.
delete from amocrm.role_name
where account_id is null
