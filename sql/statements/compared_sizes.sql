-- The segments of an account's newest snapshot beside their sizes so many days before: the days and sizes of analytics.segment_trends,
-- for spans of any length.
select
    segment.segment_id,
    version.name,
    span.days,
    before.observed_at as previous_observed_at,
    before.observed_date as previous_date,
    (
        select size.customers_count
        from amocrm.segment_size as size
        where size.account_id = segment.account_id
            and size.segment_id = segment.segment_id
            and size.observed_at <= before.observed_at
        order by size.observed_at desc
        limit 1
    ) as previous_count,
    newest.observed_at,
    newest.observed_date,
    segment.customers_count
from (
    select snapshot.account_id, snapshot.observed_at, snapshot.observed_date
    from amocrm.snapshot
    where snapshot.account_id = :account_id
    order by snapshot.observed_at desc
    limit 1
) as newest
cross join unnest(cast(:days as integer[])) as span (days)
left join lateral (
    select snapshot.observed_at, snapshot.observed_date
    from amocrm.snapshot
    where snapshot.account_id = :account_id and snapshot.observed_date <= newest.observed_date - span.days
    order by snapshot.observed_at desc
    limit 1
) as before on true
join amocrm.segment_current as segment on segment.account_id = newest.account_id
join amocrm.segment_version as version
    on version.account_id = segment.account_id
    and version.segment_id = segment.segment_id
    and version.valid_from = segment.valid_from
order by segment.segment_id, span.days
