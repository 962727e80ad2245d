-- name: tables_with_row_security
-- Tables of amocrm whose row-level security applies to our role: to all but the owner, once readers
-- are isolated.
select relname from pg_class where relnamespace = 'amocrm'::regnamespace and relkind = 'r' and row_security_active(oid)
