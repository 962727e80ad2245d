-- Which failing accounts the webhook was notified of. Without it, a failure that nobody was told of, such as one of a load by
-- cron, would count as known.

create table amocrm.failure_notice (
    account_key text primary key,
    error text not null,
    failing_since timestamptz not null,
    failed_at timestamptz not null,
    notified_at timestamptz not null,
    check (failing_since <= failed_at)
) with (fillfactor = 50);

comment on table amocrm.failure_notice is 'One row per failing account that the webhook was notified of: the last notification. Deleted when the webhook was notified of the recovery. If it is emptied, each failing account is reported once more.';
comment on column amocrm.failure_notice.account_key is 'The account''s key in the settings.';
comment on column amocrm.failure_notice.error is 'Kind of the error in the notification, as docs/operations.md lists them.';
comment on column amocrm.failure_notice.failing_since is 'Start of the first failed load after the last success.';
comment on column amocrm.failure_notice.failed_at is 'Start of the failed load that the notification is about.';
comment on column amocrm.failure_notice.notified_at is 'When the webhook had accepted the notification, by the database''s clock.';
