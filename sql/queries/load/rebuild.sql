-- name: ledger
-- Every snapshot of an account in order, with the columns that republishing needs beside the raw
-- responses.
select
    snapshot.observed_at, snapshot.load_id, snapshot.request_count, snapshot.byte_count, snapshot.duration_seconds,
    snapshot.run_id, account.account_key, account.host
from amocrm.snapshot
join amocrm.account using (account_id)
where snapshot.account_id = :account_id
order by snapshot.observed_at

-- name: oldest_rebuildable_snapshot
-- The oldest snapshot of an account from which on no raw responses have been purged. No row if
-- those of the latest have.
select min(snapshot.observed_at) as observed_at
from amocrm.snapshot
where snapshot.account_id = :account_id
    and snapshot.observed_at > coalesce(
        (
            select max(without.observed_at)
            from amocrm.snapshot as without
            where without.account_id = :account_id
                and not exists (
                    select from amocrm.raw_answer as answer
                    where answer.account_id = without.account_id
                        and answer.observed_at = without.observed_at
                        and answer.load_id = without.load_id
                )
        ),
        '-infinity'
    )
having min(snapshot.observed_at) is not null

-- name: rows_since
-- All stored rows of an account from a snapshot on, as text, as if that snapshot had been its
-- first: versions that were open then start with it. Databases with the same snapshots from then on
-- return the same rows.
with stated as (
    select 'stage_version' as relation, to_jsonb(version) as row from amocrm.stage_version as version where account_id = :account_id
    union all
    select 'field_version', to_jsonb(version) from amocrm.field_version as version where account_id = :account_id
    union all
    select 'option_version', to_jsonb(version) from amocrm.option_version as version where account_id = :account_id
    union all
    select 'segment_version', to_jsonb(version) from amocrm.segment_version as version where account_id = :account_id
    union all
    select 'quality_event', to_jsonb(event) from amocrm.quality_event as event where account_id = :account_id
    union all
    select 'segment_current', to_jsonb(current) || '{"valid_to": null}' from amocrm.segment_current as current where account_id = :account_id
    union all
    select 'stage_rule', to_jsonb(rule) || jsonb_build_object('valid_to', version.valid_to)
    from amocrm.stage_rule as rule
    join amocrm.stage_version as version using (account_id, stage_id, valid_from)
    where account_id = :account_id
    union all
    select 'segment_price_field', to_jsonb(price_field) || jsonb_build_object('valid_to', version.valid_to)
    from amocrm.segment_price_field as price_field
    join amocrm.segment_version as version using (account_id, segment_id, valid_from)
    where account_id = :account_id
    union all
    select 'segment_field_value', to_jsonb(value) || jsonb_build_object('valid_to', version.valid_to)
    from amocrm.segment_field_value as value
    join amocrm.segment_version as version using (account_id, segment_id, valid_from)
    where account_id = :account_id
)
select
    stated.relation,
    (
        case
            when (stated.row ->> 'valid_from')::timestamptz > :since then stated.row
            -- updated_at is left out: it does not open a version, so the row has that of the first
            -- snapshot with the state.
            else stated.row - 'updated_at' || jsonb_build_object('valid_from', cast(:since as timestamptz))
        end
    )::text as row
from stated
where (stated.row ->> 'valid_to') is null or (stated.row ->> 'valid_to')::timestamptz > :since
union all
select 'segment_size', to_jsonb(size)::text
from amocrm.segment_size as size
where size.account_id = :account_id and size.observed_at > :since
union all
select 'segment_size', (to_jsonb(size) || jsonb_build_object('observed_at', cast(:since as timestamptz)))::text
from (
    select distinct on (segment_id) *
    from amocrm.segment_size
    where account_id = :account_id and observed_at <= :since
    order by segment_id, observed_at desc
) as size
where size.customers_count is not null
union all
-- The first day is left out: it may have had earlier snapshots.
select 'segment_size_daily', to_jsonb(day)::text
from amocrm.segment_size_daily as day
where day.account_id = :account_id
    and day.observed_date > (
        select snapshot.observed_date from amocrm.snapshot where snapshot.account_id = :account_id and snapshot.observed_at = :since
    )
union all
select
    'snapshot',
    (
        case
            when snapshot.observed_at > :since then to_jsonb(snapshot) - 'published_at'
            else to_jsonb(snapshot) - '{published_at,opened_count,closed_count,size_change_count}'::text[]
        end - '{code_version}'::text[]
    )::text
from amocrm.snapshot
where snapshot.account_id = :account_id and snapshot.observed_at >= :since
