-- Statements that make the roles by which one account is read, in their order: those that have no effect yet.
select step.change
from (values (:views, :account_reader, :reader)) as role (views, account_reader, reader)
cross join lateral (
    values
        (1, to_regrole(quote_ident(role.views)) is null, format('create role %I nologin', role.views)),
        (2, to_regrole(quote_ident(role.account_reader)) is null, format('create role %I nologin', role.account_reader)),
        (
            3,
            not coalesce(pg_has_role(to_regrole(quote_ident(role.views)), 'usage'), false),
            format('grant %I to %I', role.views, current_user)
        ),
        (4, to_regrole(quote_ident(role.reader)) is null, format('create role %I nologin', role.reader)),
        (
            5,
            not coalesce(
                pg_has_role(to_regrole(quote_ident(role.reader)), to_regrole(quote_ident(role.account_reader)), 'usage'),
                false
            ),
            format('grant %I to %I', role.account_reader, role.reader)
        )
) as step (position, is_lacking, change)
where step.is_lacking
order by step.position
