-- name: jump_flows
select * from analytics.jump_flows
where account_id = :account_id and observed_date >= :first_date
order by observed_date, place, place_id, customers_count desc, from_id, to_id

-- name: place_flows_daily
select * from analytics.place_flows_daily
where account_id = :account_id and flow_date >= :first_flow_date
order by flow_date, place, from_id, to_id

-- name: segment_joins_daily
select * from analytics.segment_joins_daily
where account_id = :account_id and observed_date >= :first_date
order by observed_date, segment_id

-- name: stage_jumps
select * from analytics.stage_jumps
where account_id = :account_id and observed_date >= :first_date
order by observed_date, stage_id

-- name: stage_movers
select * from analytics.stage_movers
where account_id = :account_id
order by days, direction, place, stage_id

-- name: stage_moves
select * from analytics.stage_moves
where account_id = :account_id and moved_date >= :first_flow_date
order by moved_date, from_stage_id, to_stage_id, user_id

-- name: stage_sizes_daily
select * from analytics.stage_sizes_daily
where account_id = :account_id and observed_date >= :first_date
order by stage_id, observed_date

-- name: stage_trends
select * from analytics.stage_trends
where account_id = :account_id
order by size_rank, stage_id
