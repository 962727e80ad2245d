create or replace view analytics.freshness as
select
    account.account_id,
    account.account_key || '' as account_key,
    account.name,
    account.customers_mode,
    account.timezone,
    newest.observed_at,
    newest.observed_date,
    extract(epoch from now() - newest.observed_at)::bigint as age_seconds,
    round(usual.seconds)::bigint as usual_seconds,
    coalesce(extract(epoch from now() - newest.observed_at) > 1.5 * usual.seconds, false) as is_late,
    failures.failure_count,
    failures.last_failed_at,
    failures.last_error,
    failures.last_message
from amocrm.account
cross join lateral (
    select snapshot.observed_at, snapshot.observed_date
    from amocrm.snapshot
    where snapshot.account_id = account.account_id
    order by snapshot.observed_at desc
    limit 1
) as newest
left join lateral (
    select percentile_cont(0.5) within group (order by near.seconds) as seconds
    from (
        select extract(epoch from one.observed_at - lag(one.observed_at) over (order by one.observed_at)) as seconds
        from (
            select snapshot.observed_at
            from amocrm.snapshot
            where snapshot.account_id = account.account_id
            order by snapshot.observed_at desc
            limit 16
        ) as one
    ) as near
    having
        (count(near.seconds) >= 9 or (count(near.seconds) >= 3 and sum(near.seconds) >= 8 * 3600))
        and percentile_cont(0.5) within group (order by near.seconds) >= 240
) as usual on true
cross join lateral (
    select
        count(*) as failure_count,
        max(failure.failed_at) as last_failed_at,
        (array_agg(failure.error order by failure.started_at desc))[1] as last_error,
        (array_agg(failure.message order by failure.started_at desc))[1] as last_message
    from amocrm.load_failure as failure
    where failure.account_key = account.account_key and failure.started_at > newest.observed_at
        and failure.started_at <= now() + interval '2 days' -- later rows come from a wrong clock
) as failures;

comment on view analytics.freshness is 'One row per account that was ever loaded: the current age of its latest snapshot, and failures since then.';
comment on column analytics.freshness.account_id is 'amoCRM''s id of the account.';
comment on column analytics.freshness.account_key is 'The account''s key in the settings.';
comment on column analytics.freshness.name is 'The account''s name.';
comment on column analytics.freshness.customers_mode is 'Customers mode: segments, periodicity (stages), disabled or unavailable.';
comment on column analytics.freshness.timezone is 'IANA name of the account''s timezone, in which its days are counted.';
comment on column analytics.freshness.observed_at is 'The latest snapshot, which the views show as the current state.';
comment on column analytics.freshness.observed_date is 'Its day in the account''s timezone.';
comment on column analytics.freshness.age_seconds is 'Seconds since that snapshot.';
comment on column analytics.freshness.usual_seconds is 'The account''s usual interval: the median of the last 15 intervals between snapshots, in seconds. Null with fewer than ten snapshots (four if they cover eight hours), or if it is below 4 minutes, since manual loads have no usual interval.';
comment on column analytics.freshness.is_late is 'True if the latest snapshot is older than 1.5 times the usual interval. False while there is no usual interval yet.';
comment on column analytics.freshness.failure_count is 'Number of failed loads since that snapshot.';
comment on column analytics.freshness.last_failed_at is 'When the last of them failed. Null if none failed.';
comment on column analytics.freshness.last_error is 'Name of its error, see docs/operations.md. Null if none failed.';
comment on column analytics.freshness.last_message is 'Its message: what happened and what to do next. Null if none failed.';
