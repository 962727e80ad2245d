-- Scans of customers, with ids only (docs/decisions/0033). What concerns single customers is in the schema members, which
-- readers of analytics cannot open; the tables of amocrm hold numbers.

do $$
begin
    if to_regnamespace('members') is null then
        create schema members;
        comment on schema members is 'Which customer was in which stage or segment, by amoCRM''s ids. Only members of the role amocrm_members read it.';
    end if;
end
$$;

create table members.page (
    account_id bigint not null references amocrm.account,
    started_at timestamptz not null,
    kind text not null check (kind in ('list', 'by_id', 'kept', 'sizes', 'moves')),
    number integer not null,
    sent_at timestamptz not null,
    received_at timestamptz not null,
    rows jsonb not null,
    primary key (account_id, started_at, kind, number)
);
comment on table members.page is 'One row per response of the latest published scan and of one that has not ended, reduced to ids and numbers. The next scan compares with it; a scan that was killed goes on from it.';
comment on column members.page.account_id is 'The account.';
comment on column members.page.started_at is 'Start of the scan.';
comment on column members.page.kind is 'list: a page of customers; by_id: customers requested by id; kept: customers that could not be read, as an earlier scan read them; sizes: sizes of segments before (1) and after (2) the list; moves: a page of events.';
comment on column members.page.number is 'Position among the rows of its kind, from 1.';
comment on column members.page.sent_at is 'When the request was sent. The response shows a state between this instant and received_at.';
comment on column members.page.received_at is 'When the response had arrived.';
comment on column members.page.rows is 'Array of arrays. A customer: id, is it gone, stage, segments, ltv, purchases count, average check, next date in Unix seconds, periodicity. An event: customer, Unix seconds, stage before, stage after, user. A size: segment, customers.';

create table members.stay (
    account_id bigint not null references amocrm.account,
    customer_id bigint not null,
    place_id bigint not null,
    entered_after timestamptz,
    entered_by timestamptz not null,
    left_after timestamptz,
    left_by timestamptz,
    is_stage boolean not null,
    end_reason text check (end_reason in ('left', 'gone_or_hidden', 'deleted', 'forgotten')),
    primary key (account_id, customer_id, is_stage, place_id, entered_by),
    check (entered_after < entered_by),
    check (left_after < left_by),
    check ((left_by is null) = (end_reason is null) and (left_by is null) = (left_after is null))
);
create index stay_of_place on members.stay (account_id, place_id); -- members.members_as_of
comment on table members.stay is 'One row per uninterrupted stay of a customer in a stage or segment, as far as scans can tell.';
comment on column members.stay.account_id is 'The account.';
comment on column members.stay.customer_id is 'amoCRM''s id of the customer, or a random one from 2^62 on if the customer was forgotten.';
comment on column members.stay.place_id is 'The stage or segment.';
comment on column members.stay.entered_after is 'The customer entered after this instant: the request of its last read that did not show it there. Null if there was none, as for all customers of the first scan.';
comment on column members.stay.entered_by is 'The customer had entered by this instant: the response of its first read that showed it there.';
comment on column members.stay.left_after is 'The customer left after this instant: the request of its last read that showed it there. Null while the stay lasts.';
comment on column members.stay.left_by is 'The customer had left by this instant: the response of its first read that did not. Null while the stay lasts.';
comment on column members.stay.is_stage is 'True for a stage, false for a segment.';
comment on column members.stay.end_reason is 'left: the customer is somewhere else; deleted: amoCRM says that the customer is deleted; gone_or_hidden: amoCRM no longer knows its id, or no longer shows it to the token''s user; forgotten: ''./run forget''. Null while the stay lasts.';

create table members.forgotten (
    account_id bigint not null references amocrm.account,
    id_hash bytea not null,
    key_hash bytea not null,
    forgotten_at timestamptz not null default now(),
    primary key (account_id, id_hash)
);
comment on table members.forgotten is 'One row per forgotten customer: scans skip it.';
comment on column members.forgotten.account_id is 'The account.';
comment on column members.forgotten.id_hash is 'HMAC-SHA256 of the customer''s id with a secret that only the data folder holds.';
comment on column members.forgotten.key_hash is 'HMAC-SHA256 of a constant with that secret, which recognizes it.';
comment on column members.forgotten.forgotten_at is 'When, by the database''s clock.';

create table amocrm.scan (
    account_id bigint not null references amocrm.account,
    started_at timestamptz not null,
    scan_date date not null,
    published_at timestamptz not null default now(),
    customers_count bigint not null,
    by_id_count bigint not null,
    gone_count bigint not null,
    kept_count bigint not null,
    forgotten_count bigint not null,
    request_count bigint not null,
    duration_seconds double precision not null,
    stage_change_count bigint not null,
    explained_count bigint not null,
    events_until timestamptz not null,
    primary key (account_id, started_at)
);
comment on table amocrm.scan is 'One row per published scan of an account''s customers.';
comment on column amocrm.scan.account_id is 'The account.';
comment on column amocrm.scan.started_at is 'When the scan sent its first request.';
comment on column amocrm.scan.scan_date is 'Day of started_at in the account''s timezone.';
comment on column amocrm.scan.published_at is 'When it was published, by the database''s clock.';
comment on column amocrm.scan.customers_count is 'Customers after the scan, including kept ones.';
comment on column amocrm.scan.by_id_count is 'Customers of the scan before that the list did not show, requested by id.';
comment on column amocrm.scan.gone_count is 'Customers that amoCRM no longer has, or no longer shows to the token''s user.';
comment on column amocrm.scan.kept_count is 'Customers that could not be read: their stays go on, unproven.';
comment on column amocrm.scan.forgotten_count is 'Customers that were skipped because they were forgotten.';
comment on column amocrm.scan.request_count is 'Requests sent, with those before an interruption.';
comment on column amocrm.scan.duration_seconds is 'Seconds from the first request to the last response.';
comment on column amocrm.scan.stage_change_count is 'Customers that were in another stage than in the scan before.';
comment on column amocrm.scan.explained_count is 'Those of them whose events lead from the one stage to the other.';
comment on column amocrm.scan.events_until is 'Events from before this instant are in amocrm.stage_move.';

create table amocrm.place_day (
    account_id bigint not null references amocrm.account,
    is_stage boolean not null,
    place_id bigint not null,
    observed_date date not null,
    last_count bigint not null,
    min_count bigint not null,
    max_count bigint not null,
    joined_count bigint not null,
    left_count bigint not null,
    ltv_sum numeric not null,
    purchases_sum numeric not null,
    average_check_sum numeric not null,
    primary key (account_id, is_stage, place_id, observed_date)
);
comment on table amocrm.place_day is 'One row per stage or segment and day with a scan, in the account''s timezone.';
comment on column amocrm.place_day.account_id is 'The account.';
comment on column amocrm.place_day.is_stage is 'True for a stage, false for a segment.';
comment on column amocrm.place_day.place_id is 'The stage or segment.';
comment on column amocrm.place_day.observed_date is 'Day of the scan.';
comment on column amocrm.place_day.last_count is 'Customers in the day''s last scan.';
comment on column amocrm.place_day.min_count is 'Fewest customers in a scan of the day.';
comment on column amocrm.place_day.max_count is 'Most customers in a scan of the day.';
comment on column amocrm.place_day.joined_count is 'Customers that scans of the day found new there.';
comment on column amocrm.place_day.left_count is 'Customers that scans of the day found gone from there.';
comment on column amocrm.place_day.ltv_sum is 'Sum of the customers'' ltv in the day''s last scan, in the account''s currency.';
comment on column amocrm.place_day.purchases_sum is 'Sum of their purchases.';
comment on column amocrm.place_day.average_check_sum is 'Sum of their average checks, in the account''s currency.';

create table amocrm.place_flow_day (
    account_id bigint not null references amocrm.account,
    is_stage boolean not null,
    flow_date date not null,
    from_place_id bigint not null,
    to_place_id bigint not null,
    customers_count bigint not null,
    primary key (account_id, is_stage, flow_date, from_place_id, to_place_id)
);
comment on table amocrm.place_flow_day is 'One row per day and pair of stages or segments between which scans of the day found customers moved.';
comment on column amocrm.place_flow_day.account_id is 'The account.';
comment on column amocrm.place_flow_day.is_stage is 'True for stages, false for segments.';
comment on column amocrm.place_flow_day.flow_date is 'Day of the scan that found the move.';
comment on column amocrm.place_flow_day.from_place_id is 'Where the customers were; 0 for nowhere, or for several segments.';
comment on column amocrm.place_flow_day.to_place_id is 'Where they are; 0 for nowhere, or for several segments.';
comment on column amocrm.place_flow_day.customers_count is 'Number of customers. The sum to a place minus the sum from it is the change of its size.';

create table amocrm.segment_overlap (
    account_id bigint not null references amocrm.account,
    segment_id bigint not null,
    other_segment_id bigint not null,
    customers_count bigint not null,
    primary key (account_id, segment_id, other_segment_id)
);
comment on table amocrm.segment_overlap is 'One row per pair of segments that share customers in the account''s latest scan.';
comment on column amocrm.segment_overlap.account_id is 'The account.';
comment on column amocrm.segment_overlap.segment_id is 'The segment with the smaller id.';
comment on column amocrm.segment_overlap.other_segment_id is 'The other one.';
comment on column amocrm.segment_overlap.customers_count is 'Customers in both.';

create table amocrm.stay_month (
    account_id bigint not null references amocrm.account,
    is_stage boolean not null,
    place_id bigint not null,
    entered_month date not null,
    left_month date not null,
    customers_count bigint not null,
    primary key (account_id, is_stage, place_id, entered_month, left_month)
);
comment on table amocrm.stay_month is 'One row per stage or segment, month in which customers entered, and month in which they left, as of the account''s latest scan. Stays of the first scan are left out, since their begin is unknown.';
comment on column amocrm.stay_month.account_id is 'The account.';
comment on column amocrm.stay_month.is_stage is 'True for a stage, false for a segment.';
comment on column amocrm.stay_month.place_id is 'The stage or segment.';
comment on column amocrm.stay_month.entered_month is 'First day of the month in which the stays were first read.';
comment on column amocrm.stay_month.left_month is 'First day of the month in which their end was read; infinity while they last.';
comment on column amocrm.stay_month.customers_count is 'Number of stays.';

create table amocrm.stay_duration (
    account_id bigint not null references amocrm.account,
    is_stage boolean not null,
    place_id bigint not null,
    is_open boolean not null,
    stay_count bigint not null,
    median_seconds double precision not null,
    p90_seconds double precision not null,
    primary key (account_id, is_stage, place_id, is_open)
);
comment on table amocrm.stay_duration is 'One row per stage or segment for its ended stays and one for those that last, as of the account''s latest scan. Stays of the first scan are left out.';
comment on column amocrm.stay_duration.account_id is 'The account.';
comment on column amocrm.stay_duration.is_stage is 'True for a stage, false for a segment.';
comment on column amocrm.stay_duration.place_id is 'The stage or segment.';
comment on column amocrm.stay_duration.is_open is 'True for stays that last: their durations until the scan.';
comment on column amocrm.stay_duration.stay_count is 'Number of stays.';
comment on column amocrm.stay_duration.median_seconds is 'Median of the durations, from the first to the last read of each.';
comment on column amocrm.stay_duration.p90_seconds is '90th percentile of the durations.';

create table amocrm.stage_move (
    account_id bigint not null references amocrm.account,
    moved_date date not null,
    from_stage_id bigint not null,
    to_stage_id bigint not null,
    user_id bigint not null,
    customers_count bigint not null,
    is_backfilled boolean not null,
    primary key (account_id, moved_date, from_stage_id, to_stage_id, user_id, is_backfilled)
);
comment on table amocrm.stage_move is 'One row per day, pair of stages and actor of the moves that amoCRM''s events name.';
comment on column amocrm.stage_move.account_id is 'The account.';
comment on column amocrm.stage_move.moved_date is 'Day of the events in the account''s timezone.';
comment on column amocrm.stage_move.from_stage_id is 'Stage before; 0 if the event names none.';
comment on column amocrm.stage_move.to_stage_id is 'Stage after; 0 if the event names none.';
comment on column amocrm.stage_move.user_id is 'amoCRM''s id of the user who moved the customers; 0 for automation.';
comment on column amocrm.stage_move.customers_count is 'Number of moves.';
comment on column amocrm.stage_move.is_backfilled is 'True if the events are from before the first scan.';

create table amocrm.member_difference (
    account_id bigint not null references amocrm.account,
    started_at timestamptz not null,
    segment_id bigint not null,
    count_before bigint,
    count_after bigint,
    member_count bigint not null,
    kept_count bigint not null,
    reason text not null,
    primary key (account_id, started_at, segment_id)
);
comment on table amocrm.member_difference is 'One row per scan and segment whose members are not as many as amoCRM counts.';
comment on column amocrm.member_difference.account_id is 'The account.';
comment on column amocrm.member_difference.started_at is 'Start of the scan.';
comment on column amocrm.member_difference.segment_id is 'The segment.';
comment on column amocrm.member_difference.count_before is 'customers_count before the scan. Null if the segment was not listed.';
comment on column amocrm.member_difference.count_after is 'customers_count after the scan. Null if the segment was not listed.';
comment on column amocrm.member_difference.member_count is 'Members after the scan.';
comment on column amocrm.member_difference.kept_count is 'Members of them that could not be read.';
comment on column amocrm.member_difference.reason is 'changed: amoCRM''s count changed during the scan; kept: members that could not be read are at least as many; not_listed: amoCRM does not list the segment; forgotten: not more are missing than were forgotten; hidden_or_missed: amoCRM counts customers that the token''s user may not see, or that the list did not show; stale: members left after they were read.';

alter table amocrm.role_name drop constraint role_name_purpose_check;
alter table amocrm.role_name add constraint role_name_purpose_check
check (purpose in ('reader', 'loader', 'views', 'account_reader', 'reader_of_account', 'members'));
comment on column amocrm.role_name.purpose is 'reader: reads all accounts; loader: loads; views: owns the views; account_reader: holds the rights of all readers of single accounts; reader_of_account: reads one account; members: reads the schema members.';
insert into amocrm.role_name (name, purpose)
select 'amocrm_members' || pg_catalog.substr(name, pg_catalog.length('amocrm_reader') + 1), 'members'
from amocrm.role_name
where purpose = 'reader';

create view members.stays as
select
    stay.account_id,
    stay.customer_id,
    case when stay.is_stage then 'stage' else 'segment' end as place,
    stay.place_id,
    stay.entered_after,
    stay.entered_by,
    stay.left_after,
    stay.left_by,
    stay.end_reason
from members.stay;
comment on view members.stays is 'One row per uninterrupted stay of a customer in a stage or segment.';
comment on column members.stays.account_id is 'The account.';
comment on column members.stays.customer_id is 'amoCRM''s id of the customer; random from 2^62 on if the customer was forgotten.';
comment on column members.stays.place is 'stage or segment.';
comment on column members.stays.place_id is 'amoCRM''s id of the stage or segment.';
comment on column members.stays.entered_after is 'The customer entered after this instant. Null if unknown.';
comment on column members.stays.entered_by is 'The customer had entered by this instant.';
comment on column members.stays.left_after is 'The customer left after this instant. Null while the stay lasts.';
comment on column members.stays.left_by is 'The customer had left by this instant. Null while the stay lasts.';
comment on column members.stays.end_reason is 'left, deleted, gone_or_hidden or forgotten. Null while the stay lasts.';

-- Inlined, so that a condition on the place uses its index; a setting would prevent that.
create function members.members_as_of(account_id bigint, instant timestamptz)
returns table (customer_id bigint, place text, place_id bigint, is_certain boolean)
language sql stable
begin atomic
    select
        stay.customer_id,
        case when stay.is_stage then 'stage' else 'segment' end,
        stay.place_id,
        stay.entered_by <= members_as_of.instant
            and coalesce(stay.left_after, (select max(page.started_at) from members.page where page.account_id = members_as_of.account_id))
            >= members_as_of.instant
    from members.stay as stay
    where stay.account_id = members_as_of.account_id
        and coalesce(stay.entered_after, stay.entered_by) <= members_as_of.instant
        and coalesce(stay.left_by, 'infinity') > members_as_of.instant;
end;
comment on function members.members_as_of(bigint, timestamptz) is 'One row per customer and stage or segment in which it was, or may have been (is_certain is false), at an instant.';

create function members.customer_path(account_id bigint, customer_id bigint)
returns table (place text, place_id bigint, entered_after timestamptz, entered_by timestamptz, left_after timestamptz, left_by timestamptz, end_reason text)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select
        case when stay.is_stage then 'stage' else 'segment' end,
        stay.place_id, stay.entered_after, stay.entered_by, stay.left_after, stay.left_by, stay.end_reason
    from members.stay as stay
    where stay.account_id = customer_path.account_id and stay.customer_id = customer_path.customer_id
    order by stay.entered_by, stay.is_stage desc, stay.place_id
$$;
comment on function members.customer_path(bigint, bigint) is 'One row per stay of one customer, in order.';
