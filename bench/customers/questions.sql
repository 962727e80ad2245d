-- stage_sizes: all stages now
select * from analytics.stage_sizes where account_id = :account order by customers_count desc;
-- stage_sizes_daily: all stages, the year
select * from analytics.stage_sizes_daily where account_id = :account and observed_date > current_date - 366 order by stage_id, observed_date;
-- stage_sizes_daily: one stage, the last 90 days
select * from analytics.stage_sizes_daily
where account_id = :account and stage_id = :stage and observed_date >= current_date - 90 order by observed_date;
-- stage_trends: all stages
select * from analytics.stage_trends where account_id = :account order by customers_count desc;
-- stage_movers: the 20 that grew most in 30 days
select * from analytics.stage_movers where account_id = :account and days = 30 and direction = 'up' and place <= 20;
-- stage_jumps: the last 30 days
select * from analytics.stage_jumps where account_id = :account and observed_date >= current_date - 30;
-- jump_flows: stages, the year
select * from analytics.jump_flows where account_id = :account and place = 'stage' and observed_date > current_date - 366;
-- jump_flows: the last 30 days
select * from analytics.jump_flows where account_id = :account and observed_date >= current_date - 30;
-- place_flows_daily: between stages, the last 30 days
select from_id, to_id, sum(customers_count) from analytics.place_flows_daily
where account_id = :account and place = 'stage' and flow_date >= current_date - 30 group by from_id, to_id;
-- place_flows_daily: to and from one segment, the year
select flow_date, from_id, to_id, customers_count from analytics.place_flows_daily
where account_id = :account and place = 'segment' and :segment in (from_id, to_id) and flow_date > current_date - 366;
-- segment_joins_daily: all segments, the last 90 days
select * from analytics.segment_joins_daily where account_id = :account and observed_date >= current_date - 90;
-- segment_joins_daily: one segment, the year
select * from analytics.segment_joins_daily where account_id = :account and segment_id = :segment order by observed_date;
-- segment_overlaps: all pairs
select * from analytics.segment_overlaps where account_id = :account order by customers_count desc;
-- stay_durations: all places
select * from analytics.stay_durations where account_id = :account order by median_seconds desc;
-- cohorts: one stage
select * from analytics.cohorts where account_id = :account and place = 'stage' and place_id = :stage order by entered_month, month_number;
-- cohorts: all places
select * from analytics.cohorts where account_id = :account;
-- stage_moves: the last 30 days
select * from analytics.stage_moves where account_id = :account and moved_date >= current_date - 30;
-- stage_moves: by whom, the year
select user_id, sum(customers_count) from analytics.stage_moves where account_id = :account group by user_id;
-- place_money_daily: all places, the last 90 days
select * from analytics.place_money_daily where account_id = :account and observed_date >= current_date - 90;
-- member_differences: the last 30 days
select * from analytics.member_differences where account_id = :account and started_at >= now() - interval '30 days';
-- scans: all, ever
select * from analytics.scans where account_id = :account order by started_at;
-- members.stays: of one segment, now
select customer_id, entered_by from members.stays where account_id = :account and place = 'segment' and place_id = :segment and left_by is null;
-- members.members_as_of: one segment half a year ago
select customer_id from members.members_as_of(:account, now() - interval '180 days') where place = 'segment' and place_id = :segment;
-- members.members_as_of: sizes of all places half a year ago
select place, place_id, count(*) from members.members_as_of(:account, now() - interval '180 days') group by place, place_id;
-- members.customer_path: one customer
select * from members.customer_path(:account, :customer);
