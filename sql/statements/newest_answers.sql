-- What the newest snapshot of a key's account was read from, and what it showed. No row where that is not known.
select
    account.account_id,
    account.host,
    account.name,
    snapshot.timezone,
    snapshot.observed_at,
    snapshot.observed_date,
    snapshot.customers_mode,
    coalesce(snapshot.stage_count, 0) as stage_count,
    coalesce(snapshot.segment_count, 0) as segment_count,
    coalesce(snapshot.field_count, 0) as field_count,
    newest.reading_code,
    newest.answers,
    array(
        select jsonb_build_array(oddity.kind, oddity.thing, oddity.thing_id, oddity.detail)
        from amocrm.quality_event as oddity
        where oddity.account_id = account.account_id and oddity.valid_to is null
    ) as oddities,
    to_regclass('analytics.segments_' || account.account_id) is not null or not (
        select has_schema_privilege('analytics', 'create') and not relrowsecurity
        from pg_class
        where oid = 'amocrm.account'::regclass
    ) as has_wide_view
from amocrm.account
join amocrm.newest_answers as newest using (account_id)
join amocrm.snapshot using (account_id, observed_at)
where account.account_key = :account_key
