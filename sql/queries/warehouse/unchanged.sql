-- name: latest_digests
-- Digests of the latest snapshot of a key's account, and its summary. No row if they are not
-- stored.
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
    latest.reading_code,
    latest.answers,
    array(
        select jsonb_build_array(event.kind, event.thing, event.thing_id, event.detail)
        from amocrm.quality_event as event
        where event.account_id = account.account_id and event.valid_to is null
    ) as anomalies,
    to_regclass('analytics.segments_' || account.account_id) is not null or not (
        select has_schema_privilege('analytics', 'create') and not relrowsecurity
        from pg_class
        where oid = 'amocrm.account'::regclass
    ) as has_wide_view
from amocrm.account
join amocrm.newest_answers as latest using (account_id)
join amocrm.snapshot using (account_id, observed_at)
where account.account_key = :account_key

-- name: upsert_digests
-- Store the digests of a snapshot; those of a later snapshot are kept.
insert into amocrm.newest_answers (account_id, observed_at, reading_code, answers)
values (:account_id, :observed_at, :reading_code, cast(:answers as jsonb))
on conflict (account_id) do update
set observed_at = excluded.observed_at, reading_code = excluded.reading_code, answers = excluded.answers
where newest_answers.observed_at < excluded.observed_at

-- name: republish_snapshot
-- Insert a copy of the latest snapshot, unless that snapshot or its account's row changed since it
-- was compared. The caller holds the lock of the account's row. For the first snapshot of a day,
-- also insert the day's sizes.
with latest as (
    select snapshot.*
    from amocrm.newest_answers as answers
    join amocrm.account using (account_id)
    join amocrm.snapshot using (account_id, observed_at)
    where answers.account_id = :account_id
        and answers.observed_at = :compared_at
        and answers.reading_code = :reading_code
        and account.account_key = :account_key
        and account.host = :host
        and not exists (
            select from amocrm.snapshot as newer
            where newer.account_id = :account_id and newer.observed_at > :compared_at
        )
        and :observed_at > :compared_at
),
remembered as (
    update amocrm.newest_answers as answers
    set observed_at = :observed_at
    from latest
    where answers.account_id = latest.account_id and answers.observed_at = latest.observed_at
),
days as (
    insert into amocrm.segment_size_daily as day (
        account_id, segment_id, observed_date, last_count, min_count, max_count
    )
    select
        segment.account_id, segment.segment_id, :observed_date,
        segment.customers_count, segment.customers_count, segment.customers_count
    from latest
    join amocrm.segment_current as segment using (account_id)
    where latest.observed_date <> :observed_date
    on conflict (account_id, segment_id, observed_date) do update
    set last_count = excluded.last_count,
        min_count = least(day.min_count, excluded.min_count),
        max_count = greatest(day.max_count, excluded.max_count)
    returning 1
),
ledger as (
    insert into amocrm.snapshot (
        account_id, observed_at, observed_date, load_id, customers_mode, timezone,
        stage_count, segment_count, field_count, option_count,
        opened_count, closed_count, size_change_count,
        request_count, byte_count, duration_seconds, code_version, run_id
    )
    select
        account_id, :observed_at, :observed_date, :load_id, customers_mode, timezone,
        stage_count, segment_count, field_count, option_count,
        0, 0, 0,
        :request_count, :byte_count, :duration_seconds, :code_version, :run_id
    from latest
    returning 1
)
select (select count(*) from days) as day_count from ledger
