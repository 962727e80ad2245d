create or replace view analytics.size_alerts as
select
    alert.account_id,
    alert.observed_at,
    alert.segment_id,
    alert.segment_name,
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
    alert.alert_id
from amocrm.size_alert as alert;

comment on view analytics.size_alerts is 'One row per change of a segment''s size that reached a threshold of the settings, and was told by the webhook: once, however long it lasts.';
comment on column analytics.size_alerts.account_id is 'The account.';
comment on column analytics.size_alerts.observed_at is 'The snapshot that reached the threshold.';
comment on column analytics.size_alerts.segment_id is 'amoCRM''s id of the segment.';
comment on column analytics.size_alerts.segment_name is 'The segment''s name at that moment.';
comment on column analytics.size_alerts.rule is 'The rule''s threshold, as the settings say it.';
comment on column analytics.size_alerts.direction is 'up or down.';
comment on column analytics.size_alerts.days is 'The rule''s span, in days of the account.';
comment on column analytics.size_alerts.previous_observed_at is 'The snapshot compared with: the last of the day that lies the rule''s span before, or of an earlier day where that one has none.';
comment on column analytics.size_alerts.previous_count is 'Size in that snapshot.';
comment on column analytics.size_alerts.customers_count is 'Size in the snapshot that reached the threshold.';
comment on column analytics.size_alerts.change_count is 'The difference.';
comment on column analytics.size_alerts.change_percent is 'The same in percent of the size before, to one decimal. Null when that was 0.';
comment on column analytics.size_alerts.missed_days is 'Days by which the two lie further apart than the rule''s span, since no load succeeded on the day to compare with. 0 as a rule.';
comment on column analytics.size_alerts.around is 'What changed between the two or in the 24 hours before, and gaps, as it was told: a list of objects with date (the account''s) and text, the newest first.';
comment on column analytics.size_alerts.message is 'What was told.';
comment on column analytics.size_alerts.told_at is 'When the webhook had taken it. Null while it waits: each load tries again.';
comment on column analytics.size_alerts.ended_at is 'The snapshot in which the change was clearly below the threshold again (under 80 percent of it), or the segment or the rule gone. Null while it lasts.';
comment on column analytics.size_alerts.alert_id is 'The event; the webhook gets it as id.';
