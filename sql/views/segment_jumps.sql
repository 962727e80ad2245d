create or replace view analytics.segment_jumps as
with jumps as not materialized (
    select
        daily.account_id,
        daily.segment_id,
        daily.observed_date,
        previous.observed_date as previous_date,
        previous.last_count as previous_count,
        daily.last_count,
        daily.last_count - previous.last_count as change_count,
        usual.change_count as usual_change_count,
        usual.deviation as usual_deviation
    from amocrm.segment_size_daily as daily
    cross join lateral (
        select earlier.observed_date, earlier.last_count
        from amocrm.segment_size_daily as earlier
        where earlier.account_id = daily.account_id
            and earlier.segment_id = daily.segment_id
            and earlier.observed_date < daily.observed_date
            and earlier.last_count is not null
        order by earlier.observed_date desc
        limit 1
    ) as previous
    -- Few changes are large enough, so the eight weeks before are read only for those.
    cross join lateral (
        with days as (
            select
                recent.observed_date % 7 as weekday,
                recent.observed_date - lag(recent.observed_date) over dates as days,
                recent.last_count - lag(recent.last_count) over dates as change_count
            from (
                select one.observed_date - date '1970-01-01' as observed_date, one.last_count
                from amocrm.segment_size_daily as one
                where one.account_id = daily.account_id
                    and one.segment_id = daily.segment_id
                    and one.observed_date between previous.observed_date - 56 and previous.observed_date
                    and one.last_count is not null
            ) as recent
            window dates as (order by recent.observed_date)
        ),

        weekdays as (
            select
                days.weekday,
                percentile_cont(0.5) within group (order by days.change_count) as usual_change
            from days
            where days.days = 1
            group by days.weekday
            having count(*) >= 4
        ),

        deviations as (
            select
                days.weekday,
                abs(days.change_count - weekdays.usual_change) as deviation
            from days
            join weekdays using (weekday)
            where days.days = 1
        ),

        spanned as (
            select
                sum(weekdays.usual_change) as change_count,
                array_agg(weekdays.weekday) as weekdays,
                count(*) as days
            from generate_series(1, daily.observed_date - previous.observed_date) as span (day)
            join weekdays on weekdays.weekday = (previous.observed_date + span.day - date '1970-01-01') % 7
        )

        select
            spanned.change_count,
            sqrt(spanned.days) * greatest(
                percentile_cont(0.8) within group (order by deviations.deviation),
                percentile_cont(0.8) within group (order by deviations.deviation)
                filter (where deviations.weekday = any (spanned.weekdays))
            ) as deviation
        from spanned
        cross join deviations
        where spanned.days = daily.observed_date - previous.observed_date
        group by spanned.change_count, spanned.weekdays, spanned.days
    ) as usual
    cross join lateral (
        -- Without a next day, this day may not be over or not observed to its end. A change between
        -- none and the usual one then counts as usual.
        select
            case
                when exists (
                    select from amocrm.segment_size_daily as next
                    where next.account_id = daily.account_id
                        and next.segment_id = daily.segment_id
                        and next.observed_date = daily.observed_date + 1
                ) then usual.change_count
                else greatest(
                    least(usual.change_count, 0),
                    least(daily.last_count - previous.last_count, greatest(usual.change_count, 0))
                )
            end as change_count
    ) as expected
    -- The case expressions keep the planner's row estimate low.
    where
        case
            when abs(daily.last_count - previous.last_count) >= greatest(5, 0.05 * previous.last_count) then 1
        end = 1
        and case
            when abs(daily.last_count - previous.last_count - expected.change_count)
                >= greatest(5, 0.05 * previous.last_count, 4 * usual.deviation)
                then 1
        end = 1
)

select
    jump.account_id,
    jump.segment_id,
    (
        select version.name
        from amocrm.segment_version as version
        where version.account_id = jump.account_id and version.segment_id = jump.segment_id
        order by version.valid_from desc
        limit 1
    ) as name,
    jump.observed_date,
    jump.previous_date,
    jump.previous_count,
    jump.last_count,
    jump.change_count,
    round(100.0 * jump.change_count / nullif(jump.previous_count, 0), 1) as change_percent,
    round(jump.usual_change_count::numeric, 1) as usual_change_count,
    round(jump.usual_deviation::numeric, 1) as usual_deviation,
    span.previous_observed_at,
    span.observed_at,
    jump.observed_date - jump.previous_date - 1 as missed_days,
    (
        select extract(epoch from max(one.gap))::bigint
        from (
            select ledger.observed_at - lag(ledger.observed_at) over (order by ledger.observed_at) as gap
            from amocrm.snapshot as ledger
            where ledger.account_id = jump.account_id
                and ledger.observed_at between span.previous_observed_at and span.observed_at
        ) as one
    ) as longest_gap_seconds,
    around.things as changed_things,
    around.changes,
    flow.joined_count,
    flow.left_count,
    flow.unexplained_count,
    round(
        100.0 * abs(flow.unexplained_count) / greatest(abs(jump.change_count), abs(flow.unexplained_count)), 1
    ) as unexplained_percent
from jumps as jump
cross join lateral (
    -- In any timezone, a day lies between the previous and the next day in UTC.
    select
        max(ledger.observed_at) filter (where ledger.observed_date = jump.previous_date) as previous_observed_at,
        max(ledger.observed_at) filter (where ledger.observed_date = jump.observed_date) as observed_at
    from amocrm.snapshot as ledger
    where ledger.account_id = jump.account_id
        and ledger.observed_at >= (jump.previous_date - 1)::timestamp at time zone 'UTC'
        and ledger.observed_at < (jump.observed_date + 2)::timestamp at time zone 'UTC'
) as span
left join lateral (
    select
        string_agg(distinct change.thing, ', ' order by change.thing) as things,
        jsonb_agg(
            jsonb_build_object(
                'observed_at', change.observed_at,
                'thing', change.thing,
                'thing_id', change.thing_id,
                'name', change.thing_name,
                'change', change.change,
                'property', coalesce(change.value_field_name, change.property),
                'old', change.old_text,
                'new', change.new_text
            )
            order by change.observed_at, change.thing, change.thing_id, change.property
        ) as changes
    from analytics.changes as change
    where change.account_id = jump.account_id
        and change.observed_at > span.previous_observed_at - interval '1 day'
        and change.observed_at <= span.observed_at
        and (
            change.thing <> 'segment'
            or change.thing_id = jump.segment_id
            -- A segment that comes or goes may take or leave customers of this one.
            or change.change in ('added', 'deleted', 'returned')
        )
) as around on true
left join lateral (
    select
        sum(one.joined_count)::bigint as joined_count,
        sum(one.left_count)::bigint as left_count,
        (jump.change_count - sum(one.joined_count) + sum(one.left_count))::bigint as unexplained_count
    from analytics.flows_between(
        jump.account_id, 'segment', jump.segment_id,
        span.previous_observed_at, jump.previous_count, span.observed_at, jump.last_count
    ) as one
) as flow on true;

comment on view analytics.segment_jumps is 'One row per segment and day with an unusual change of its size: by at least 5 customers and 5 percent, and different from the usual change by at least as much and by four times the usual deviation. Needs data of four weeks, so the first jumps are found in the fifth week.';
comment on column analytics.segment_jumps.account_id is 'The account.';
comment on column analytics.segment_jumps.segment_id is 'amoCRM''s id of the segment.';
comment on column analytics.segment_jumps.name is 'The segment''s latest known name.';
comment on column analytics.segment_jumps.observed_date is 'Day of the jump, in the account''s timezone. Until the day is over, a change between none and the usual one is not a jump; a row of the latest day may disappear again.';
comment on column analytics.segment_jumps.previous_date is 'The day compared with: the last previous day with a size of the segment.';
comment on column analytics.segment_jumps.previous_count is 'Size in the last snapshot of that day.';
comment on column analytics.segment_jumps.last_count is 'Size in the last snapshot of the day of the jump.';
comment on column analytics.segment_jumps.change_count is 'The difference.';
comment on column analytics.segment_jumps.change_percent is 'The change in percent of the previous size, to one decimal. Null if that was 0.';
comment on column analytics.segment_jumps.usual_change_count is 'The usual change: the median daily change on the same weekday in the eight weeks before, summed over the days of the span.';
comment on column analytics.segment_jumps.usual_deviation is 'The usual deviation from the weekday''s median in those eight weeks: the 80th percentile of all days or of the same weekday, whichever is larger, times the square root of the days in the span.';
comment on column analytics.segment_jumps.previous_observed_at is 'The last snapshot of the day compared with. The jump happened after it.';
comment on column analytics.segment_jumps.observed_at is 'The last snapshot of the day of the jump. The jump happened before it.';
comment on column analytics.segment_jumps.missed_days is 'Number of days between the two without a size of the segment. Usually 0.';
comment on column analytics.segment_jumps.longest_gap_seconds is 'Longest interval between snapshots within the span, in seconds. If it is much longer than usual, the jump may have been a slow change.';
comment on column analytics.segment_jumps.changed_things is 'Kinds of entities that changed between the two or in the 24 hours before: account (its mode or timezone), field, option, stage, segment; of segments only this one, and others that were added, deleted or returned. Null if none did. amoCRM does not show the conditions of a segment, so edits of them are never included.';
comment on column analytics.segment_jumps.changes is 'These changes as a list of JSON objects, from the view changes. Null if there are none.';
comment on column analytics.segment_jumps.joined_count is 'Customers that joined by the scans around the jump; jump_flows names where they came from. Null if no scans of customers are around it.';
comment on column analytics.segment_jumps.left_count is 'Customers that left by these scans. Null if there are none.';
comment on column analytics.segment_jumps.unexplained_count is 'The difference minus joined_count plus left_count: the part of the jump that these customers do not make up. Null if there are no scans.';
comment on column analytics.segment_jumps.unexplained_percent is 'That part in percent of the jump, to one decimal, at most 100. Null if there are no scans.';
