-- segments: all segments as they are now
select * from analytics.segments where account_id = 1 order by customers_count desc;
-- segments: names and sizes only
select name, customers_count from analytics.segments where account_id = 1 order by customers_count desc;
-- segment_history: all states of one segment
select * from analytics.segment_history where account_id = 1 and segment_id = 50 order by valid_from;
-- segment_history: names that segments have had
select segment_id, name, valid_from, valid_to from analytics.segment_history where account_id = 1;
-- segment_snapshots: all segments in one snapshot
select * from analytics.segment_snapshots
where account_id = 1
    and observed_at = (select observed_at from analytics.snapshots where account_id = 1 order by observed_at desc limit 1);
-- segment_snapshots: sizes of one segment, a week of snapshots
select observed_at, customers_count from analytics.segment_snapshots
where account_id = 1 and segment_id = 50 and observed_at >= now() - interval '7 days' order by observed_at;
-- as_of: all segments half a year ago
select * from analytics.as_of(1, now() - interval '180 days');
-- as_of: sizes half a year ago
select name, customers_count from analytics.as_of(1, now() - interval '180 days');
-- segment_sizes: every change of one segment
select * from analytics.segment_sizes where account_id = 1 and segment_id = 50 order by valid_from;
-- segment_sizes: all changes of the last day
select * from analytics.segment_sizes where account_id = 1 and valid_from >= now() - interval '1 day';
-- segment_sizes_daily: all segments, the last 90 days
select * from analytics.segment_sizes_daily
where account_id = 1 and observed_date >= current_date - 90 order by segment_id, observed_date;
-- segment_sizes_daily: one segment, the year
select * from analytics.segment_sizes_daily where account_id = 1 and segment_id = 50 and observed_date > current_date - 366 order by observed_date;
-- segment_sizes_daily: all segments, the year, sizes only
select segment_id, observed_date, last_count from analytics.segment_sizes_daily
where account_id = 1 and observed_date > current_date - 366;
-- segment_sizes_daily: sum of all segments by day, the year
select observed_date, sum(last_count) from analytics.segment_sizes_daily
where account_id = 1 and observed_date > current_date - 366 group by observed_date;
-- segment_trends: all segments
select * from analytics.segment_trends where account_id = 1 order by customers_count desc;
-- segment_movers: the 20 that grew most in 30 days
select * from analytics.segment_movers
where account_id = 1 and days = 30 and direction = 'up' order by place limit 20;
-- segment_jumps: the last 30 days
select * from analytics.segment_jumps where account_id = 1 and observed_date >= current_date - 30;
-- segment_jumps: the last day
select * from analytics.segment_jumps where account_id = 1 and observed_date >= current_date - 1;
-- segment_field_values: all values of now
select * from analytics.segment_field_values where account_id = 1 and valid_to is null;
-- segment_field_values: segments by one field now
select segment_name, option_label from analytics.segment_field_values
where account_id = 1 and valid_to is null and field_name = 'Field 6';
-- segment_field_values: history of one segment's fields
select * from analytics.segment_field_values where account_id = 1 and segment_id = 50 order by field_id, valid_from;
-- stages: all stages as they are now
select * from analytics.stages where account_id = 1 order by sort;
-- stage_history: all states
select * from analytics.stage_history where account_id = 1;
-- stages_as_of: half a year ago
select * from analytics.stages_as_of(1, now() - interval '180 days');
-- stage_rules: rules of now
select * from analytics.stage_rules where account_id = 1 and valid_to is null;
-- fields: all fields as they are now
select * from analytics.fields where account_id = 1 order by sort;
-- field_history: all states
select * from analytics.field_history where account_id = 1;
-- option_history: all states
select * from analytics.option_history where account_id = 1;
-- changes: the last 30 days
select * from analytics.changes where account_id = 1 and observed_at >= now() - interval '30 days' order by observed_at desc;
-- changes: one segment, ever
select * from analytics.changes where account_id = 1 and thing = 'segment' and thing_id = 50;
-- snapshots: the last 7 days
select * from analytics.snapshots where account_id = 1 and observed_at >= now() - interval '7 days';
-- gaps: all, ever
select * from analytics.gaps where account_id = 1;
-- gaps: the last 30 days
select * from analytics.gaps where account_id = 1 and after_at >= now() - interval '30 days';
-- freshness: the account
select * from analytics.freshness where account_id = 1;
-- data_quality: what is odd now
select * from analytics.data_quality where account_id = 1 and is_open;
