-- Size alerts of stages compare scans, those of segments snapshots. Each key leads to the table of its kind: a foreign key
-- with a null column is not checked.
alter table amocrm.size_alert rename column segment_id to place_id;
alter table amocrm.size_alert rename column segment_name to place_name;
alter table amocrm.size_alert rename constraint size_alert_segment_id_check to size_alert_place_id_check;
alter table amocrm.size_alert
    add column is_stage boolean not null default false,
    add column flows jsonb,
    add column snapshot_account_id bigint generated always as (case when not is_stage then account_id end) stored,
    add column scan_account_id bigint generated always as (case when is_stage then account_id end) stored,
    drop constraint size_alert_account_id_previous_observed_at_fkey,
    drop constraint size_alert_account_id_observed_at_fkey,
    drop constraint size_alert_account_id_ended_at_fkey,
    add constraint size_alert_previous_snapshot foreign key (snapshot_account_id, previous_observed_at) references amocrm.snapshot,
    add constraint size_alert_snapshot foreign key (snapshot_account_id, observed_at) references amocrm.snapshot,
    add constraint size_alert_ending_snapshot foreign key (snapshot_account_id, ended_at) references amocrm.snapshot,
    add constraint size_alert_previous_scan foreign key (scan_account_id, previous_observed_at) references amocrm.scan,
    add constraint size_alert_scan foreign key (scan_account_id, observed_at) references amocrm.scan,
    add constraint size_alert_ending_scan foreign key (scan_account_id, ended_at) references amocrm.scan;
alter table amocrm.size_alert alter column is_stage drop default;
drop index amocrm.size_alert_lasting;
-- Keeps an alert from starting twice, and serves the comparison with ongoing ones.
create unique index size_alert_lasting on amocrm.size_alert (account_id, is_stage, place_id, rule, direction) where ended_at is null;

comment on table amocrm.size_alert is 'One row per size alert: a change of a segment or stage that reached a rule''s threshold. Rows are only added and completed.';
comment on column amocrm.size_alert.is_stage is 'True for a stage, whose sizes come from scans; false for a segment, whose sizes come from snapshots.';
comment on column amocrm.size_alert.place_id is 'The segment or stage.';
comment on column amocrm.size_alert.place_name is 'Its name at that time. Null if it had none.';
comment on column amocrm.size_alert.previous_observed_at is 'The snapshot or scan compared with: the last of the day that is the rule''s span before, or of the nearest earlier day that has one.';
comment on column amocrm.size_alert.previous_count is 'Size at that time.';
comment on column amocrm.size_alert.observed_at is 'The snapshot or scan that reached the threshold.';
comment on column amocrm.size_alert.customers_count is 'Size at that time.';
comment on column amocrm.size_alert.missed_days is 'Number of days by which the comparison exceeds the rule''s span, because no load or scan succeeded on the day to compare with. Usually 0.';
comment on column amocrm.size_alert.flows is 'Customers that came and went between the two, as sent. Null if no scans are near them.';
comment on column amocrm.size_alert.ended_at is 'The snapshot or scan in which the change was below 80 percent of the threshold again, or the segment, the stage or the rule was gone. Null while the alert is ongoing.';
comment on column amocrm.size_alert.snapshot_account_id is 'The account, for the keys of snapshots. Null for a stage.';
comment on column amocrm.size_alert.scan_account_id is 'The account, for the keys of scans. Null for a segment.';

-- A scan fails and recovers apart from the account's loads.
alter table amocrm.failure_notice
    add column is_scan boolean not null default false,
    drop constraint failure_notice_pkey,
    add constraint failure_notice_pkey primary key (account_key, is_scan);
alter table amocrm.failure_notice alter column is_scan drop default;

comment on table amocrm.failure_notice is 'One row per account whose loads fail, or whose scans fail, that a receiver of alerts was notified of: the last notification. Deleted when the recovery was reported. If it is emptied, each failing account is reported once more.';
comment on column amocrm.failure_notice.is_scan is 'True for scans of the account''s customers, false for its loads.';
comment on column amocrm.failure_notice.failing_since is 'Start of the first failed load after the last success; for scans, when the first failure was reported.';
comment on column amocrm.failure_notice.failed_at is 'Start of the failed load that the notification is about; for scans, when it failed.';
