create or replace view analytics.cohorts as
select
    entered.account_id,
    case when entered.is_stage then 'stage' else 'segment' end as place,
    entered.place_id,
    entered.entered_month,
    passed.months as month_number,
    entered.customers_count as entered_count,
    entered.customers_count - coalesce(
        (
            select sum(ended.customers_count)
            from amocrm.stay_month as ended
            where ended.account_id = entered.account_id
                and ended.is_stage = entered.is_stage
                and ended.place_id = entered.place_id
                and ended.entered_month = entered.entered_month
                and ended.left_month <= entered.entered_month + make_interval(months => passed.months)
        ),
        0
    ) as remained_count
from (
    select account_id, is_stage, place_id, entered_month, sum(customers_count) as customers_count
    from amocrm.stay_month
    group by account_id, is_stage, place_id, entered_month
) as entered
join (
    select scan.account_id, max(scan.scan_date) as scan_date
    from amocrm.scan
    group by scan.account_id
) as latest using (account_id)
cross join lateral unnest(
    array(
        select generate_series(
            0,
            (
                extract(year from age(latest.scan_date, entered.entered_month)) * 12
                + extract(month from age(latest.scan_date, entered.entered_month))
            )::integer
        )
    )
) as passed (months);

comment on view analytics.cohorts is 'One row per stage or segment, month in which customers entered it, and month since: how many of these stays lasted to the end of that month.';
comment on column analytics.cohorts.account_id is 'The account.';
comment on column analytics.cohorts.place is 'stage or segment.';
comment on column analytics.cohorts.place_id is 'amoCRM''s id of the stage or segment.';
comment on column analytics.cohorts.entered_month is 'First day of the month of entry, in the account''s timezone. Stays that the first scan found are left out.';
comment on column analytics.cohorts.month_number is 'Months since: 0 is the month of entry.';
comment on column analytics.cohorts.entered_count is 'Stays that began in the month.';
comment on column analytics.cohorts.remained_count is 'Those of them that had not ended by the end of month month_number; so far, for the current month.';
