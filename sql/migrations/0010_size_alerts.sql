-- Changes of sizes that somebody wanted to be told of. An event is committed here before anybody is told, so that none is lost
-- while the webhook is down, and none is told again while it lasts.

create table amocrm.size_alert (
    account_id bigint not null,
    alert_id uuid not null,
    segment_id bigint not null check (segment_id > 0),
    segment_name text,
    rule text not null,
    direction text not null check (direction in ('up', 'down')),
    days integer not null check (days > 0),
    previous_observed_at timestamptz not null,
    previous_count bigint not null check (previous_count >= 0),
    observed_at timestamptz not null,
    customers_count bigint not null check (customers_count >= 0),
    missed_days integer not null check (missed_days >= 0),
    around jsonb not null,
    message text not null,
    told_at timestamptz,
    ended_at timestamptz,
    primary key (account_id, alert_id),
    foreign key (account_id, previous_observed_at) references amocrm.snapshot,
    foreign key (account_id, observed_at) references amocrm.snapshot,
    foreign key (account_id, ended_at) references amocrm.snapshot,
    check (previous_observed_at < observed_at),
    check (direction = case when customers_count > previous_count then 'up' else 'down' end)
);
-- Keeps an event from beginning twice, and serves comparing with those that last.
create unique index size_alert_lasting on amocrm.size_alert (account_id, segment_id, rule, direction) where ended_at is null;
-- Serves finding, at each load, what nobody could be told yet.
create index size_alert_waiting on amocrm.size_alert (account_id) where told_at is null;

comment on table amocrm.size_alert is 'One row per event that somebody wanted to be told of: a segment''s change that reached a rule''s threshold. Only ever added to and completed.';
comment on column amocrm.size_alert.account_id is 'The account.';
comment on column amocrm.size_alert.alert_id is 'The event. Receivers get it as id, to know one that arrives twice.';
comment on column amocrm.size_alert.segment_id is 'The segment.';
comment on column amocrm.size_alert.segment_name is 'Its name at that moment. Null where it had none.';
comment on column amocrm.size_alert.rule is 'The rule''s threshold, in the words of the settings.';
comment on column amocrm.size_alert.direction is 'up or down.';
comment on column amocrm.size_alert.days is 'The rule''s span, in days of the account.';
comment on column amocrm.size_alert.previous_observed_at is 'Snapshot compared with: the last of the day that lies the rule''s span before, or of an earlier one where that day has none.';
comment on column amocrm.size_alert.previous_count is 'Size in that snapshot.';
comment on column amocrm.size_alert.observed_at is 'The snapshot that reached the threshold.';
comment on column amocrm.size_alert.customers_count is 'Size in it.';
comment on column amocrm.size_alert.missed_days is 'Days by which the two lie further apart than the rule''s span, since no load succeeded on the day to compare with. 0 as a rule.';
comment on column amocrm.size_alert.around is 'What amoCRM told to have changed between the two or in the 24 hours before, and gaps: a list of objects with date (the account''s) and text, the newest first. Empty when there is nothing.';
comment on column amocrm.size_alert.message is 'What was told, as text.';
comment on column amocrm.size_alert.told_at is 'When the webhook had taken it. Null while it waits.';
comment on column amocrm.size_alert.ended_at is 'The snapshot in which the change was clearly below the threshold again, or the segment or the rule gone. Null while it lasts: so long it is not told again.';
