-- name: who_reads
-- Tell if this session's role is a reader, which can select from the schema analytics and not from
-- its tables, and if there is anything to read.
select
    coalesce(has_schema_privilege(to_regnamespace('analytics'), 'usage'), false)
    and not coalesce(has_schema_privilege(to_regnamespace('amocrm'), 'usage'), false) as is_reader,
    coalesce(has_schema_privilege(to_regrole(quote_ident(:reader)), to_regnamespace('analytics'), 'usage'), false) as is_ready
