-- A scan reads events in pieces, and rarely requests customers that the token's user may not see.

alter table amocrm.scan
add column events_from timestamptz not null default '1970-01-01 00:00:00+00',
add column are_events_complete boolean not null default true;
alter table amocrm.scan
alter column events_from drop default,
alter column are_events_complete drop default;
comment on column amocrm.scan.events_from is 'Events from this instant on and before events_until are in amocrm.stage_move; later scans read older ones. 1970-01-01: from the first that amoCRM keeps.';
comment on column amocrm.scan.events_until is 'Events from before this instant are in amocrm.stage_move. 1970-01-01: none, since amoCRM showed none.';
comment on column amocrm.scan.are_events_complete is 'False if events since the scan before could not be read, or were more than 100,000.';

alter table members.page drop constraint page_kind_check;
alter table members.page add constraint page_kind_check
check (kind in ('list', 'by_id', 'kept', 'denied', 'sizes', 'moves'));
comment on column members.page.kind is 'list: a page of customers; by_id: customers requested by id; kept: customers that could not be read, as an earlier scan read them; denied: ids of those of them that are requested rarely, since the token''s user may not see them, or since too many are not listed; sizes: sizes of segments before (1) and after (2) the list; moves: a page of events.';
