-- Endings of role names that this database may use, the best first, each with whether it is free. The plain names are free if
-- this database was granted to them already, or if no other database was; pg_shdepend shows that to every role.
-- Role names have 63 bytes: a longer database name does not fit in.
select candidate.suffix, candidate.is_here or not candidate.is_elsewhere as is_free
from (
    select
        ending.position,
        ending.suffix,
        coalesce(bool_or(depend.dbid = own.oid), false) as is_here,
        coalesce(bool_or(depend.dbid <> own.oid), false) as is_elsewhere
    from pg_database as own
    cross join lateral (
        values
            (1, '', true),
            (2, '_in_' || own.datname, octet_length(own.datname) <= 27),
            (3, '_in_database_' || own.oid, true)
    ) as ending (position, suffix, is_fitting)
    left join pg_roles as role
        on right(role.rolname, length(ending.suffix)) = ending.suffix
        and left(role.rolname, length(role.rolname) - length(ending.suffix))
            ~ '^amocrm_(reader|loader|views|account_reader|reader_[0-9]+)$'
    left join pg_shdepend as depend
        on depend.refclassid = 'pg_authid'::regclass and depend.refobjid = role.oid and depend.dbid <> 0
    where own.datname = current_database() and ending.is_fitting
    group by ending.position, ending.suffix
) as candidate
order by candidate.position
