-- Statements by which the owner gives this database roles of its own, where another database uses the same ones.
select format('update amocrm.role_name set name = name || %L', '_in_' || current_database()) as change
union all
select format('revoke all on schema amocrm, analytics from %s', string_agg(quote_ident(role.name), ', ' order by role.name))
from amocrm.role_name as role
where to_regrole(quote_ident(role.name)) is not null
order by change desc
