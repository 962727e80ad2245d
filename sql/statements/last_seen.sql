-- The newest snapshot that saw a stage or segment.
select max(snapshot.observed_at)
from (
    select valid_from, valid_to
    from amocrm.segment_version
    where :thing = 'segment' and account_id = :account_id and segment_id = :thing_id
    union all
    select valid_from, valid_to
    from amocrm.stage_version
    where :thing = 'stage' and account_id = :account_id and stage_id = :thing_id
    order by valid_from desc
    limit 1
) as version
join amocrm.snapshot
    on snapshot.account_id = :account_id
    and snapshot.observed_at >= version.valid_from
    and (version.valid_to is null or snapshot.observed_at < version.valid_to)
