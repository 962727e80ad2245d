-- name: report_days
-- Daily sizes of an account's current segments from a day on, oldest first.
select daily.segment_id, daily.observed_date as date, daily.last_count as size, daily.is_observed
from analytics.segment_sizes_daily as daily
join amocrm.segment_current as segment using (account_id, segment_id)
where daily.account_id = :account_id and daily.observed_date >= :first_date
order by daily.segment_id, daily.observed_date

-- name: report_gaps
-- Gaps, latest first.
select after_at, until_at, gap_seconds, missed_count, missed_days, failure_count, errors
from analytics.gaps
where account_id = :account_id and coalesce(until_at, now()) >= :after
order by after_at desc

-- name: report_has_earlier_changes
-- True if snapshots between two instants have changes.
select exists (
    select from analytics.changes
    where account_id = :account_id and observed_at > :after and observed_at < :before
)

-- name: report_jumps
-- Jumps from a day on, latest first, with the names of entities that changed around them.
select
    segment_id,
    name,
    previous_date,
    previous_count,
    observed_date,
    last_count,
    change_count,
    usual_change_count,
    missed_days,
    observed_at,
    (
        select string_agg(
            distinct case
                when one.thing = 'account' or one.thing = 'segment' and one.thing_id = jump.segment_id
                    then 'the ' || one.thing
                when one.thing = 'segment'
                    then format('segment ''%s'' (%s)', coalesce(one.name, one.thing_id::text), one.change)
                else format('%s ''%s''', one.thing, coalesce(one.name, one.thing_id::text))
            end,
            ', '
        )
        from jsonb_to_recordset(changes) as one (thing text, thing_id bigint, name text, change text)
    ) as changed_things,
    coalesce(changes, '[]') as changes_around
from analytics.segment_jumps as jump
where account_id = :account_id and observed_date >= :first_date
order by observed_date desc, abs(change_count) desc, segment_id

-- name: report_movers
-- Segments with the largest growth and shrinkage over 7 and 30 days.
select days, direction, segment_id, name, before_count, customers_count, change_count, change_percent
from analytics.segment_movers
where account_id = :account_id and days in (7, 30) and place <= :most
order by days, direction desc, place, segment_id

-- name: report_anomalies
-- Anomalies, open ones first, then the latest.
select kind, thing, thing_id, thing_name, detail, valid_from, valid_to
from analytics.data_quality
where account_id = :account_id and coalesce(valid_to, now()) >= :after
order by is_open desc, valid_from desc, kind, thing_id
limit :most

-- name: report_segments
-- Segments of an account's latest snapshot, largest first.
select
    segment_id,
    name,
    customers_count,
    share_percent,
    change_1_day,
    change_7_days,
    change_7_days_percent,
    change_30_days,
    change_30_days_percent
from analytics.segment_trends
where account_id = :account_id
order by customers_count desc nulls last, segment_id

-- name: report_stages
-- An account's stages in order, with their rules.
select stage_id, name, is_default, type_text, state_since_at, conditions, conditions_text
from analytics.stages
where account_id = :account_id
order by sort, stage_id

-- name: report_state
-- One row for the account: its properties, freshness, and the start of its history.
select
    fresh.account_key,
    fresh.name,
    fresh.customers_mode,
    fresh.timezone,
    account.country,
    fresh.observed_at,
    fresh.observed_date,
    fresh.usual_seconds,
    fresh.is_late,
    fresh.failure_count,
    fresh.last_message,
    beginning.observed_date as first_date,
    (select count(*) from amocrm.snapshot where account_id = :account_id) as snapshot_count
from analytics.freshness as fresh
join amocrm.account using (account_id)
cross join lateral (
    select observed_date from amocrm.snapshot where account_id = :account_id order by observed_at limit 1
) as beginning
where fresh.account_id = :account_id
