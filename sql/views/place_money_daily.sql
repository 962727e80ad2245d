create or replace view analytics.place_money_daily as
select
    day.account_id,
    kind.place,
    day.place_id,
    day.observed_date,
    day.last_count as customers_count,
    day.ltv_sum,
    day.purchases_sum,
    round(day.ltv_sum / nullif(day.purchases_sum, 0), 2) as average_purchase,
    round(day.average_check_sum / nullif(day.last_count, 0), 2) as average_check
from amocrm.place_day as day
-- A join, so that a condition on place reaches the key.
join (values (true, 'stage'), (false, 'segment')) as kind (is_stage, place) using (is_stage);

comment on view analytics.place_money_daily is 'One row per stage or segment and day with a scan of customers: sums of money, in the account''s currency.';
comment on column analytics.place_money_daily.account_id is 'The account.';
comment on column analytics.place_money_daily.place is 'stage or segment.';
comment on column analytics.place_money_daily.place_id is 'amoCRM''s id of the stage or segment.';
comment on column analytics.place_money_daily.observed_date is 'Day of the scan, in the account''s timezone.';
comment on column analytics.place_money_daily.customers_count is 'Customers in the day''s last scan.';
comment on column analytics.place_money_daily.ltv_sum is 'Sum of the customers'' ltv: what they have spent in all.';
comment on column analytics.place_money_daily.purchases_sum is 'Sum of their purchases.';
comment on column analytics.place_money_daily.average_purchase is 'ltv_sum by purchases_sum. Null without purchases.';
comment on column analytics.place_money_daily.average_check is 'Mean of the customers'' average checks. Null without customers.';
