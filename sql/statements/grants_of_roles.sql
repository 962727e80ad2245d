-- How much each of these roles was granted in our schemas, by name. A role that is not there has no row.
select role.rolname as name, count(granted.grantee) as grant_count
from pg_roles as role
left join (
    select acl.grantee
    from (
        select nspacl
        from pg_namespace
        where nspname in ('amocrm', 'analytics')
        union all
        select relacl
        from pg_class
        where relnamespace in (to_regnamespace('amocrm'), to_regnamespace('analytics'))
        union all
        select attribute.attacl
        from pg_attribute as attribute
        join pg_class as relation on relation.oid = attribute.attrelid
        where relation.relnamespace = to_regnamespace('amocrm')
        union all
        select proacl
        from pg_proc
        where pronamespace = to_regnamespace('analytics')
        union all
        select defaclacl
        from pg_default_acl
        where defaclnamespace = to_regnamespace('analytics')
    ) as guarded (entitled)
    cross join aclexplode(guarded.entitled) as acl
) as granted on granted.grantee = role.oid
where role.rolname = any(:names)
group by role.rolname
