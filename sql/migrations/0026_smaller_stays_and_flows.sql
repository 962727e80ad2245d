-- A year of scans in 120 MB, and retention of ended stays (docs/decisions/0033).

-- The key had five columns and took 41 MB of a year's 105, to find the stays of a customer: with this index 8 MB.
alter table members.stay drop constraint stay_pkey;
create index stay_of_customer on members.stay (account_id, customer_id); -- close_stays, members.customer_path, forget_in_stays

-- One row per day instead of 320 of mostly one customer, whose key was as large as the rows.
create temporary table flow on commit drop as
select
    account_id,
    is_stage,
    flow_date,
    array_agg(from_place_id order by from_place_id, to_place_id) as from_place_ids,
    array_agg(to_place_id order by from_place_id, to_place_id) as to_place_ids,
    array_agg(customers_count order by from_place_id, to_place_id) as customers_counts
from amocrm.place_flow_day
group by account_id, is_stage, flow_date;

drop table amocrm.place_flow_day;
create table amocrm.place_flow_day (
    account_id bigint not null references amocrm.account,
    is_stage boolean not null,
    flow_date date not null,
    from_place_ids bigint[] not null,
    to_place_ids bigint[] not null,
    customers_counts bigint[] not null,
    primary key (account_id, is_stage, flow_date)
);
comment on table amocrm.place_flow_day is 'One row per day with moves that scans of the day found, of stages or of segments. The three arrays have an element per pair of places.';
comment on column amocrm.place_flow_day.account_id is 'The account.';
comment on column amocrm.place_flow_day.is_stage is 'True for stages, false for segments.';
comment on column amocrm.place_flow_day.flow_date is 'Day of the scan that found the moves.';
comment on column amocrm.place_flow_day.from_place_ids is 'Where the customers were; 0 for nowhere, or for several segments.';
comment on column amocrm.place_flow_day.to_place_ids is 'Where they are; 0 for nowhere, or for several segments.';
comment on column amocrm.place_flow_day.customers_counts is 'Numbers of customers. The sum to a place minus the sum from it is the change of its size.';
insert into amocrm.place_flow_day (account_id, is_stage, flow_date, from_place_ids, to_place_ids, customers_counts)
select account_id, is_stage, flow_date, from_place_ids, to_place_ids, customers_counts
from pg_temp.flow
order by account_id, flow_date, is_stage;

-- Where the begin of stays is unknown must not depend on stays, which retention deletes.
alter table amocrm.scan add column is_beginning boolean not null default false;
update amocrm.scan
set is_beginning = true
where not exists (
    select
    from amocrm.scan as earlier
    where earlier.account_id = scan.account_id and earlier.started_at < scan.started_at
);
alter table amocrm.scan alter column is_beginning drop default;
comment on column amocrm.scan.is_beginning is 'True for the account''s first scan, and for the first after all customers were forgotten: the begin of the stays that it found is unknown.';

alter table amocrm.stay_month add column folded_count bigint not null default 0;
comment on column amocrm.stay_month.customers_count is 'Number of stays, with folded ones.';
comment on column amocrm.stay_month.folded_count is 'Those of them that retention has deleted from members.stay.';
