-- What reading an account's rows gave, where this code read them.
select segments from amocrm.row_memory where account_id = :account_id and reading_code = :reading_code
