-- Before views are dropped: the rights that others have on them, as the statements that grant them again.
update amocrm.schema_view
set grants = granted.grants
from (
    select
        relation.relname::text as name,
        array_agg(
            format(
                'grant %s on analytics.%I to %s%s',
                acl.privilege_type,
                relation.relname,
                case when acl.grantee = 0 then 'public' else quote_ident(pg_get_userbyid(acl.grantee)) end,
                case when acl.is_grantable then ' with grant option' else '' end
            )
        ) as grants
    from pg_class as relation
    cross join aclexplode(relation.relacl) as acl
    where relation.relnamespace = 'analytics'::regnamespace and acl.grantee <> relation.relowner
    group by relation.relname
) as granted
where schema_view.name = granted.name
