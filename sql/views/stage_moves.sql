create or replace view analytics.stage_moves as
select
    move.account_id,
    move.moved_date,
    nullif(move.from_stage_id, 0) as from_stage_id,
    nullif(move.to_stage_id, 0) as to_stage_id,
    move.user_id = 0 as is_automatic,
    nullif(move.user_id, 0) as user_id,
    move.customers_count,
    move.is_backfilled,
    events.explained_percent,
    nullif(latest.events_from, '1970-01-01 00:00:00+00') as events_from
from amocrm.stage_move as move
left join (
    select
        scan.account_id,
        round(100.0 * sum(scan.explained_count) / nullif(sum(scan.stage_change_count), 0), 1) as explained_percent
    from amocrm.scan
    where scan.are_events_complete
    group by scan.account_id
) as events using (account_id)
left join (
    select distinct on (scan.account_id) scan.account_id, scan.events_from
    from amocrm.scan
    order by scan.account_id, scan.started_at desc
) as latest using (account_id);

comment on view analytics.stage_moves is 'One row per day, pair of stages and actor: moves of customers that amoCRM''s events name, also from before the first scan.';
comment on column analytics.stage_moves.account_id is 'The account.';
comment on column analytics.stage_moves.moved_date is 'Day of the moves, in the account''s timezone.';
comment on column analytics.stage_moves.from_stage_id is 'Stage before. Null if the event names none.';
comment on column analytics.stage_moves.to_stage_id is 'Stage after. Null if the event names none.';
comment on column analytics.stage_moves.is_automatic is 'True if amoCRM''s automation moved the customers.';
comment on column analytics.stage_moves.user_id is 'amoCRM''s id of the user who moved them. Null for automation.';
comment on column analytics.stage_moves.customers_count is 'Number of moves.';
comment on column analytics.stage_moves.is_backfilled is 'True if the events are from before the first scan. How long amoCRM keeps events is undocumented.';
comment on column analytics.stage_moves.explained_percent is 'Percent of the changes of stage found by scans of the account that events explain: how far to trust these rows. Scans that could not read all events are left out. Null before the first change.';
comment on column analytics.stage_moves.events_from is 'Moves from before this instant are missing so far: each scan adds up to 100,000. Null: none is.';
