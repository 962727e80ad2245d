-- Stores that a role is this database's own.
insert into amocrm.role_name (name, purpose, account_id)
values (:name, :purpose, :account_id)
on conflict do nothing
