-- Alerts on changes are told once, by whichever load or program comes first, and a receiver that is down misses none of them.

create table amocrm.change_notice (
    account_id bigint primary key,
    observed_at timestamptz not null,
    noticed_at timestamptz not null default now(),
    foreign key (account_id, observed_at) references amocrm.snapshot
) with (fillfactor = 50);

comment on table amocrm.change_notice is 'One row per account whose changes are alerted on: the snapshot up to which that is done. Without a row, the next load alerts only on its own changes.';
comment on column amocrm.change_notice.account_id is 'The account.';
comment on column amocrm.change_notice.observed_at is 'The last snapshot whose changes were sent, or were none to send.';
comment on column amocrm.change_notice.noticed_at is 'When that was recorded, by the database''s clock.';

create table amocrm.undelivered_alert (
    alert_id uuid primary key,
    receiver text not null,
    payload jsonb not null,
    created_at timestamptz not null,
    tried_at timestamptz not null
);

comment on table amocrm.undelivered_alert is 'One row per alert and receiver that did not take it, while another receiver did. Deleted when the receiver takes it, is no longer set, or after a week.';
comment on column amocrm.undelivered_alert.alert_id is 'Id of the row.';
comment on column amocrm.undelivered_alert.receiver is 'Name of the receiver: webhook, or the service of its URL in AMOCRM_ALERT_URLS, numbered if there are several.';
comment on column amocrm.undelivered_alert.payload is 'The message as JSON, made inert.';
comment on column amocrm.undelivered_alert.created_at is 'When it was sent to the other receivers, by the database''s clock.';
comment on column amocrm.undelivered_alert.tried_at is 'When it was last sent to this one, by the database''s clock.';

comment on table amocrm.failure_notice is 'One row per failing account that a receiver of alerts was notified of: the last notification. Deleted when the recovery was reported. If it is emptied, each failing account is reported once more.';
comment on column amocrm.failure_notice.notified_at is 'When a receiver had accepted the notification, by the database''s clock.';
comment on column amocrm.size_alert.told_at is 'When a receiver had accepted the alert. Null while it is pending; each load retries.';
