create or replace view analytics.gaps as
with intervals as (
    -- Intervals from each snapshot to the next, and from the latest one to now.
    select
        moment.account_id,
        moment.observed_at as after_at,
        moment.observed_date as after_date,
        lead(moment.observed_at) over ledger as until_at,
        lead(moment.observed_date) over ledger as until_date,
        lead(moment.is_now) over ledger as is_open,
        extract(epoch from lead(moment.observed_at) over ledger - moment.observed_at) as seconds
    from (
        select
            snapshot.account_id,
            snapshot.observed_at,
            snapshot.observed_date,
            false as is_now
        from amocrm.snapshot
        union all
        select
            account.account_id,
            now() as observed_at,
            amocrm.local_date(now(), array[account.timezone, account.database_timezone]) as observed_date,
            true as is_now
        from amocrm.account
        where not exists (
            select from amocrm.snapshot
            where snapshot.account_id = account.account_id and snapshot.observed_at >= now()
        )
    ) as moment
    window ledger as (partition by moment.account_id order by moment.observed_at)
),

candidates as (
    -- Prefilter: an interval no longer than 1.5 times the shortest nearby cannot be a gap. Few
    -- candidates remain.
    select
        intervals.*,
        min(intervals.seconds) over (
            partition by intervals.account_id order by intervals.after_at rows between 7 preceding and 7 following
        ) as shortest_seconds
    from intervals
    where intervals.until_at > intervals.after_at
)

select
    gap.account_id,
    gap.after_at,
    case when not gap.is_open then gap.until_at end as until_at,
    gap.is_open,
    round(gap.seconds)::bigint as gap_seconds,
    round(usual.seconds)::bigint as usual_seconds,
    round(gap.seconds / usual.seconds)::bigint - 1 as missed_count,
    greatest(gap.until_date - gap.after_date - 1, 0) as missed_days,
    failures.failure_count,
    failures.errors,
    failures.last_message
from candidates as gap
join amocrm.account using (account_id)
cross join lateral (
    select percentile_cont(0.5) within group (order by near.seconds) as seconds
    from (
        select extract(epoch from one.observed_at - lag(one.observed_at) over (order by one.observed_at)) as seconds
        from (
            (
                select snapshot.observed_at
                from amocrm.snapshot
                where snapshot.account_id = gap.account_id and snapshot.observed_at <= gap.after_at
                order by snapshot.observed_at desc
                limit 16
            )
            union all
            (
                select snapshot.observed_at
                from amocrm.snapshot
                where snapshot.account_id = gap.account_id and snapshot.observed_at > gap.after_at
                order by snapshot.observed_at
                limit 16
            )
        ) as one
    ) as near
    having
        (count(near.seconds) >= 9 or (count(near.seconds) >= 3 and sum(near.seconds) >= 8 * 3600))
        and percentile_cont(0.5) within group (order by near.seconds) >= 240
) as usual
cross join lateral (
    select
        coalesce(sum(by_error.failure_count), 0)::bigint as failure_count,
        string_agg(by_error.error || ' × ' || by_error.failure_count, ', ' order by by_error.last_at) as errors,
        (array_agg(by_error.last_message order by by_error.last_at desc))[1] as last_message
    from (
        select
            failure.error,
            count(*) as failure_count,
            max(failure.started_at) as last_at,
            (array_agg(failure.message order by failure.started_at desc))[1] as last_message
        from amocrm.load_failure as failure
        where failure.account_key = account.account_key
            and failure.started_at > gap.after_at
            and failure.started_at < gap.until_at
        group by failure.error
    ) as by_error
) as failures
where gap.seconds > 1.5 * gap.shortest_seconds
    and gap.seconds > 1.5 * usual.seconds;

comment on view analytics.gaps is 'One row per span in which at least one load is missing, judged by the account''s usual interval. The account''s state in a gap cannot be recovered.';
comment on column analytics.gaps.account_id is 'The account.';
comment on column analytics.gaps.after_at is 'The last snapshot before the gap.';
comment on column analytics.gaps.until_at is 'The first snapshot after the gap. Null while it is open.';
comment on column analytics.gaps.is_open is 'True while no snapshot has been published since.';
comment on column analytics.gaps.gap_seconds is 'Seconds between the two snapshots, or until now while the gap is open.';
comment on column analytics.gaps.usual_seconds is 'The account''s usual interval around the gap: the median of this and up to fifteen intervals on either side, in seconds. A gap is longer than 1.5 times the usual interval. No gaps are found with fewer than ten snapshots around (four if they cover eight hours), or if the usual interval is below 4 minutes, since manual loads have no usual interval.';
comment on column analytics.gaps.missed_count is 'Number of missing loads, judged by the usual interval.';
comment on column analytics.gaps.missed_days is 'Number of the account''s days without any snapshot; 0 if the gap lies within a day or a night.';
comment on column analytics.gaps.failure_count is 'Number of recorded failures in the gap. With 0, no load was started, or the database was unreachable.';
comment on column analytics.gaps.errors is 'Names of their errors with counts, see docs/operations.md. Null if none is known.';
comment on column analytics.gaps.last_message is 'Message of the last one: what happened and what to do next. Null if none is known.';
