create or replace view analytics.place_flows_daily as
select
    day.account_id,
    case when day.is_stage then 'stage' else 'segment' end as place,
    day.flow_date,
    nullif(unnest(day.from_place_ids), 0) as from_id,
    nullif(unnest(day.to_place_ids), 0) as to_id,
    unnest(day.customers_counts) as customers_count
from amocrm.place_flow_day as day;

comment on view analytics.place_flows_daily is 'One row per day and pair of stages, or of segments, between which customers moved. What came to a place minus what left it is the change of its size.';
comment on column analytics.place_flows_daily.account_id is 'The account.';
comment on column analytics.place_flows_daily.place is 'stage or segment.';
comment on column analytics.place_flows_daily.flow_date is 'Day of the scan that found the move, in the account''s timezone.';
comment on column analytics.place_flows_daily.from_id is 'Where the customers were. Null for new customers, and if a customer left or joined several segments at once.';
comment on column analytics.place_flows_daily.to_id is 'Where they are. Null for customers that are gone, and if a customer left or joined several segments at once.';
comment on column analytics.place_flows_daily.customers_count is 'Number of customers.';
