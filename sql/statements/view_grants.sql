-- Rights that others have on a view of analytics, as the statements that grant them again.
select
    format(
        'grant %s on analytics.%I to %s%s',
        acl.privilege_type,
        relation.relname,
        case when acl.grantee = 0 then 'public' else quote_ident(pg_get_userbyid(acl.grantee)) end,
        case when acl.is_grantable then ' with grant option' else '' end
    )
from pg_class as relation
cross join aclexplode(relation.relacl) as acl
where relation.relnamespace = 'analytics'::regnamespace
    and relation.relname = :view
    and acl.grantee <> relation.relowner
