-- Brings the roles of amocrm.role_name into the function that row-level security uses.
call amocrm.write_readable_account_ids()
