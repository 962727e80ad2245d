create or replace view analytics.scans as
select
    scan.account_id,
    scan.started_at,
    scan.scan_date,
    scan.published_at,
    scan.customers_count,
    scan.by_id_count,
    scan.gone_count,
    scan.kept_count,
    scan.forgotten_count,
    scan.request_count,
    scan.duration_seconds,
    scan.stage_change_count,
    scan.explained_count,
    scan.are_events_complete,
    nullif(scan.events_from, '1970-01-01 00:00:00+00') as events_from,
    nullif(scan.events_until, '1970-01-01 00:00:00+00') as events_until
from amocrm.scan;

comment on view analytics.scans is 'One row per published scan of an account''s customers.';
comment on column analytics.scans.account_id is 'The account.';
comment on column analytics.scans.started_at is 'When the scan sent its first request.';
comment on column analytics.scans.scan_date is 'Day of the scan in the account''s timezone.';
comment on column analytics.scans.published_at is 'When it was published.';
comment on column analytics.scans.customers_count is 'Customers after the scan, including kept ones.';
comment on column analytics.scans.by_id_count is 'Customers that the list did not show, read by id.';
comment on column analytics.scans.gone_count is 'Customers that are gone, or no longer shown to the token''s user.';
comment on column analytics.scans.kept_count is 'Customers that could not be read: they stay where they were.';
comment on column analytics.scans.forgotten_count is 'Customers of the account that were forgotten so far. Scans skip them.';
comment on column analytics.scans.request_count is 'Requests whose response was used.';
comment on column analytics.scans.duration_seconds is 'Seconds from the first to the last request.';
comment on column analytics.scans.stage_change_count is 'Customers in another stage than in the scan before.';
comment on column analytics.scans.explained_count is 'Those of them whose events lead from the one stage to the other.';
comment on column analytics.scans.are_events_complete is 'False if events since the scan before could not be read (a later scan reads them if it can), or were more than 100,000. Fewer changes are then explained.';
comment on column analytics.scans.events_from is 'stage_moves has the events from this instant on; each scan reads up to 100,000 older ones. Null: from the first that amoCRM keeps.';
comment on column analytics.scans.events_until is 'stage_moves has the events until this instant. Null: none, since amoCRM shows none.';
