create or replace view analytics.place_flows_daily as
select
    flow.account_id,
    case when flow.is_stage then 'stage' else 'segment' end as place,
    flow.flow_date,
    nullif(flow.from_place_id, 0) as from_id,
    nullif(flow.to_place_id, 0) as to_id,
    flow.customers_count
from amocrm.place_flow_day as flow;

comment on view analytics.place_flows_daily is 'One row per day and pair of stages, or of segments, between which customers moved. What came to a place minus what left it is the change of its size.';
comment on column analytics.place_flows_daily.account_id is 'The account.';
comment on column analytics.place_flows_daily.place is 'stage or segment.';
comment on column analytics.place_flows_daily.flow_date is 'Day of the scan that found the move, in the account''s timezone.';
comment on column analytics.place_flows_daily.from_id is 'Where the customers were. Null for new customers, and if a customer left or joined several segments at once.';
comment on column analytics.place_flows_daily.to_id is 'Where they are. Null for customers that are gone, and if a customer left or joined several segments at once.';
comment on column analytics.place_flows_daily.customers_count is 'Number of customers.';
