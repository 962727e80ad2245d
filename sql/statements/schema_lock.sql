-- One migrating process at a time, until its session ends. Changing tables may take longer than other statements.
select set_config('statement_timeout', '0', false), pg_advisory_lock(hashtextextended('amocrm.schema_migration', 0))
