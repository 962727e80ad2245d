-- name: who_reads
-- Whether this session is a reader's, which sees the schema analytics and no tables below it; and whether readers see anything.
select
    coalesce(has_schema_privilege(to_regnamespace('analytics'), 'usage'), false)
    and not coalesce(has_schema_privilege(to_regnamespace('amocrm'), 'usage'), false) as is_reader,
    coalesce(has_schema_privilege(to_regrole(quote_ident(:reader)), to_regnamespace('analytics'), 'usage'), false) as is_ready
