create or replace view analytics.size_alerts as
select
    alert.account_id,
    alert.observed_at,
    case when not alert.is_stage then alert.place_id end as segment_id,
    case when not alert.is_stage then alert.place_name end as segment_name,
    alert.rule,
    alert.direction,
    alert.days,
    alert.previous_observed_at,
    alert.previous_count,
    alert.customers_count,
    alert.customers_count - alert.previous_count as change_count,
    round(100.0 * (alert.customers_count - alert.previous_count) / nullif(alert.previous_count, 0), 1) as change_percent,
    alert.missed_days,
    alert.around,
    alert.message,
    alert.told_at,
    alert.ended_at,
    alert.alert_id,
    case when alert.is_stage then 'stage' else 'segment' end as place,
    alert.place_id,
    alert.place_name,
    alert.flows
from amocrm.size_alert as alert;

comment on view analytics.size_alerts is 'One row per size alert: a change of the size of a segment or stage that reached a threshold of the settings. It is sent once, however long the change lasts.';
comment on column analytics.size_alerts.account_id is 'The account.';
comment on column analytics.size_alerts.observed_at is 'The snapshot, or for a stage the scan, that reached the threshold.';
comment on column analytics.size_alerts.segment_id is 'amoCRM''s id of the segment. Null for a stage: see place_id.';
comment on column analytics.size_alerts.segment_name is 'The segment''s name at that time. Null for a stage: see place_name.';
comment on column analytics.size_alerts.rule is 'The rule''s threshold, as in the settings.';
comment on column analytics.size_alerts.direction is 'up or down.';
comment on column analytics.size_alerts.days is 'The rule''s span, in days of the account.';
comment on column analytics.size_alerts.previous_observed_at is 'The snapshot or scan compared with: the last of the day that is the rule''s span before, or of the nearest earlier day that has one.';
comment on column analytics.size_alerts.previous_count is 'Size at that time.';
comment on column analytics.size_alerts.customers_count is 'Size when the threshold was reached.';
comment on column analytics.size_alerts.change_count is 'The difference.';
comment on column analytics.size_alerts.change_percent is 'The change in percent of the previous size, to one decimal. Null if that was 0.';
comment on column analytics.size_alerts.missed_days is 'Number of days by which the comparison exceeds the rule''s span, because no load or scan succeeded on the day to compare with. Usually 0.';
comment on column analytics.size_alerts.around is 'Changes between the two or in the 24 hours before, and gaps, as sent: a list of objects with date (in the account''s timezone) and text, latest first.';
comment on column analytics.size_alerts.message is 'Text that was sent.';
comment on column analytics.size_alerts.told_at is 'When a receiver accepted the alert. Null while it is pending; each load and scan retries.';
comment on column analytics.size_alerts.ended_at is 'The snapshot or scan in which the change was below 80 percent of the threshold again, or the segment, the stage or the rule was gone. Null while the alert is ongoing.';
comment on column analytics.size_alerts.alert_id is 'Id of the alert, also sent to receivers.';
comment on column analytics.size_alerts.place is 'segment or stage.';
comment on column analytics.size_alerts.place_id is 'amoCRM''s id of the segment or stage.';
comment on column analytics.size_alerts.place_name is 'Its name at that time.';
comment on column analytics.size_alerts.flows is 'Customers that came and went between the two, as sent: see docs/operations.md. Null if no scans are near them.';
