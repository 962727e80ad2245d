create or replace view analytics.segment_joins_daily as
select
    day.account_id,
    day.place_id as segment_id,
    day.observed_date,
    day.joined_count,
    day.left_count,
    day.joined_count - day.left_count as net_count
from amocrm.place_day as day
where not day.is_stage;

comment on view analytics.segment_joins_daily is 'One row per segment and day with a scan of customers: how many customers joined and left since the scan before.';
comment on column analytics.segment_joins_daily.account_id is 'The account.';
comment on column analytics.segment_joins_daily.segment_id is 'The segment.';
comment on column analytics.segment_joins_daily.observed_date is 'Day of the scan, in the account''s timezone.';
comment on column analytics.segment_joins_daily.joined_count is 'Customers that joined. On the day of the first scan: all members.';
comment on column analytics.segment_joins_daily.left_count is 'Customers that left, including those that are gone.';
comment on column analytics.segment_joins_daily.net_count is 'Joined minus left.';
