create or replace view analytics.jump_flows as
select
    jump.account_id,
    jump.place,
    jump.place_id,
    jump.observed_date,
    case when moved.is_to then flow.other_id else jump.place_id end as from_id,
    case when moved.is_to then other.name else jump.name end as from_name,
    case when moved.is_to then jump.place_id else flow.other_id end as to_id,
    case when moved.is_to then jump.name else other.name end as to_name,
    moved.customers_count,
    events.automatic_percent,
    flow.after_scan_date,
    flow.until_scan_date
from (
    select
        segment.account_id,
        'segment' as place,
        segment.segment_id as place_id,
        segment.name,
        segment.observed_date,
        segment.previous_observed_at,
        segment.previous_count,
        segment.observed_at,
        segment.last_count
    from analytics.segment_jumps as segment
    union all
    select
        stage.account_id,
        'stage' as place,
        stage.stage_id as place_id,
        stage.name,
        stage.observed_date,
        stage.previous_observed_at,
        stage.previous_count,
        stage.observed_at,
        stage.last_count
    from analytics.stage_jumps as stage
) as jump
cross join lateral analytics.flows_between(
    jump.account_id, jump.place, jump.place_id,
    jump.previous_observed_at, jump.previous_count, jump.observed_at, jump.last_count
) as flow
cross join lateral (values (true, flow.joined_count), (false, flow.left_count)) as moved (is_to, customers_count)
left join lateral (
    (
        select version.name
        from amocrm.stage_version as version
        where jump.place = 'stage' and version.account_id = jump.account_id and version.stage_id = flow.other_id
        order by version.valid_from desc
        limit 1
    )
    union all
    (
        select version.name
        from amocrm.segment_version as version
        where jump.place = 'segment' and version.account_id = jump.account_id and version.segment_id = flow.other_id
        order by version.valid_from desc
        limit 1
    )
) as other on true
left join lateral (
    select
        round(
            100.0 * sum(move.customers_count) filter (where move.user_id = 0) / sum(move.customers_count), 1
        ) as automatic_percent
    from amocrm.stage_move as move
    where jump.place = 'stage'
        and move.account_id = jump.account_id
        and move.moved_date between flow.after_scan_date and flow.until_scan_date
        and move.from_stage_id = case when moved.is_to then flow.other_id else jump.place_id end
        and move.to_stage_id = case when moved.is_to then jump.place_id else flow.other_id end
) as events on true
where moved.customers_count > 0;

comment on view analytics.jump_flows is 'One row per jump of segment_jumps or stage_jumps and place from which customers came or to which they went, by the scans around the jump.';
comment on column analytics.jump_flows.account_id is 'The account.';
comment on column analytics.jump_flows.place is 'stage or segment.';
comment on column analytics.jump_flows.place_id is 'The stage or segment whose size jumped.';
comment on column analytics.jump_flows.observed_date is 'Day of the jump, in the account''s timezone.';
comment on column analytics.jump_flows.from_id is 'Where the customers were. Null for new customers, and if a customer left or joined several segments at once.';
comment on column analytics.jump_flows.from_name is 'Its latest known name. Null if from_id is null, and for stages in segments mode.';
comment on column analytics.jump_flows.to_id is 'Where they went. Null for customers that are gone, and if a customer left or joined several segments at once.';
comment on column analytics.jump_flows.to_name is 'Its latest known name. Null if to_id is null, and for stages in segments mode.';
comment on column analytics.jump_flows.customers_count is 'Number of customers.';
comment on column analytics.jump_flows.automatic_percent is 'Share of automation, rather than users, among the events of such moves from after_scan_date to until_scan_date, in percent, to one decimal. Null for segments, and if there are no such events.';
comment on column analytics.jump_flows.after_scan_date is 'Day of the scan before the moves, in the account''s timezone.';
comment on column analytics.jump_flows.until_scan_date is 'Day of the scan that found the last of them.';
