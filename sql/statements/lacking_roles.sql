-- Statements that make the roles which telling readers apart needs, and the reader of one account where it is named, in their
-- order: those that have no effect yet.
select step.change
from (
    select
        max(name) filter (where purpose = 'views') as views,
        max(name) filter (where purpose = 'account_reader') as account_reader,
        cast(:reader as text) as reader
    from amocrm.role_name
) as role
cross join lateral (
    values
        (1, to_regrole(quote_ident(role.views)) is null, format('create role %I nologin', role.views)),
        (2, to_regrole(quote_ident(role.account_reader)) is null, format('create role %I nologin', role.account_reader)),
        (
            3,
            not coalesce(pg_has_role(to_regrole(quote_ident(role.views)), 'usage'), false),
            format('grant %I to %I', role.views, current_user)
        ),
        (
            4,
            role.reader is not null and to_regrole(quote_ident(role.reader)) is null,
            format('create role %I nologin', coalesce(role.reader, ''))
        ),
        (
            5,
            role.reader is not null and not coalesce(
                pg_has_role(to_regrole(quote_ident(role.reader)), to_regrole(quote_ident(role.account_reader)), 'usage'),
                false
            ),
            format('grant %I to %I', role.account_reader, coalesce(role.reader, ''))
        )
) as step (position, is_lacking, change)
where step.is_lacking
order by step.position
