-- name: reader_access
-- is_reader: the session's role can use the schema analytics and not amocrm. is_ready: the reader's
-- role can use analytics.
select
    coalesce(has_schema_privilege(to_regnamespace('analytics'), 'usage'), false)
    and not coalesce(has_schema_privilege(to_regnamespace('amocrm'), 'usage'), false) as is_reader,
    coalesce(has_schema_privilege(to_regrole(quote_ident(:reader)), to_regnamespace('analytics'), 'usage'), false) as is_ready
