-- Until the transaction ends, indexes are used even where a table seems to be empty. How a foreign key is checked is planned
-- once a session: planned on tables that were analysed while empty, each check of a first load would read a whole table.
select set_config('enable_seqscan', 'off', true)
