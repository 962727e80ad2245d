-- One account with years of hourly loads (the setting bench.years) of 100 segments, a tenth of the sizes changing each hour.
-- Account 1 is the model, which views_copies.sql copies. Made of sines and hashes: the same every time, and the same edits
-- in the last year however many there are.
set session_replication_role = replica; -- no foreign keys are checked while filling

insert into amocrm.account (account_id, account_key, host, name, subdomain, timezone, customers_mode, country, currency)
values (1, 'account-1', 'bench.amocrm.ru', 'Account 1', 'bench', 'Europe/Moscow', 'segments', 'RU', 'RUB');

-- Two days without a load and some lost hours are in it; the last load was half an hour ago.
insert into amocrm.snapshot (
    account_id, observed_at, observed_date, load_id, customers_mode, timezone, segment_count, field_count, option_count,
    opened_count, closed_count, size_change_count, request_count, byte_count, duration_seconds, code_version
)
select
    1, hour.at, (hour.at at time zone 'Europe/Moscow')::date, gen_random_uuid(), 'segments', 'Europe/Moscow', 100, 30, 80,
    0, 0, 10, 3, 468000, 1.5, 'bench'
from (
    select now() - interval '30 minutes' - make_interval(hours => last.number - hour.number) as at, hour.number
    from (select 8760 * current_setting('bench.years')::integer - 1 as number) as last
    cross join lateral generate_series(0, last.number) as hour (number)
) as hour
where hour.number not between 5000 and 5050 and (hour.number = 0 or hour.number % 997 > 2);

insert into amocrm.load_failure (account_key, started_at, account_id, failed_at, error, message)
select 'account-1', now() - make_interval(hours => number), 1, now() - make_interval(hours => number), 'Unavailable', 'Bad gateway.'
from generate_series(1, 720) as hour (number)
where number % 24 = 0;

create temporary table hour as
select
    row_number() over (order by observed_at) - 1 as number,
    row_number() over (order by observed_at desc) - 1 as later_count,
    observed_at,
    observed_date
from amocrm.snapshot
where account_id = 1;

-- Sizes from 10 to 10,000 that grow, swing by the week and are never quite still; a tenth of them are noisy, a tenth jump
-- within the last month.
create temporary table segment as
select id, (10 * 10 ^ (3 * id / 100.0))::numeric as base from generate_series(1, 100) as segment (id);

insert into amocrm.segment_size (account_id, segment_id, observed_at, customers_count)
select
    1,
    segment.id,
    hour.observed_at,
    greatest(0, round(segment.base * (
        1 + 0.5 * hour.number / 8760
        + case when segment.id % 10 = 5 and hour.later_count < 743 - segment.id * 5 then 0.3 else 0 end
        + 0.02 * sin(2 * pi() * hour.number / 168 + segment.id)
        + case when segment.id % 10 = 0 then 0.1 else 0.005 end * (abs(hashint8(hour.number * 1009 + segment.id)) % 1000 - 500) / 500
    )::numeric))::bigint
from hour
cross join segment
where hour.number = 0 or abs(hashint8(hour.number * 131 + segment.id)) % 10 = 0;

insert into amocrm.segment_size_daily (account_id, segment_id, observed_date, last_count, min_count, max_count)
select 1, segment.id, day.observed_date, last.customers_count,
    least(last.customers_count, within.min_count, carried.customers_count),
    greatest(last.customers_count, within.max_count, carried.customers_count)
from (select observed_date, min(observed_at) as first_at, max(observed_at) as last_at from hour group by observed_date) as day
cross join segment
cross join lateral (
    select customers_count from amocrm.segment_size as size
    where size.account_id = 1 and size.segment_id = segment.id and size.observed_at <= day.last_at
    order by size.observed_at desc limit 1
) as last
left join lateral (
    select customers_count from amocrm.segment_size as size
    where size.account_id = 1 and size.segment_id = segment.id and size.observed_at <= day.first_at
    order by size.observed_at desc limit 1
) as carried on true
cross join lateral (
    select min(customers_count) as min_count, max(customers_count) as max_count from amocrm.segment_size as size
    where size.account_id = 1 and size.segment_id = segment.id and size.observed_at between day.first_at and day.last_at
) as within;

-- 30 fields, ten of them with eight options; a field and an option are renamed every other month.
create temporary table version as
select number, observed_at as valid_from, lead(observed_at) over (order by number) as valid_to
from hour
where number = 0 or later_count % 1400 = 700;

insert into amocrm.field_version (account_id, field_id, valid_from, valid_to, end_reason, name, type, sort, content_hash)
select 1, 100 + id, valid_from, valid_to, case when valid_to is not null then 'changed' end,
    'Field ' || id || ' of ' || number, (array['select', 'text', 'numeric'])[1 + id % 3], id, sha256('')
from version, generate_series(1, 30) as field (id)
where id <= 1;
insert into amocrm.field_version (account_id, field_id, valid_from, name, type, sort, content_hash)
select 1, 100 + id, hour.observed_at, 'Field ' || id, (array['select', 'text', 'numeric'])[1 + id % 3], id, sha256('')
from hour, generate_series(2, 30) as field (id)
where hour.number = 0;
insert into amocrm.option_version (account_id, field_id, option_id, valid_from, valid_to, end_reason, value, sort, content_hash)
select 1, 103, 1030, valid_from, valid_to, case when valid_to is not null then 'changed' end, 'Option of ' || number, 0, sha256('')
from version;
insert into amocrm.option_version (account_id, field_id, option_id, valid_from, value, sort, content_hash)
select 1, 100 + field, (100 + field) * 10 + option, hour.observed_at, 'Option ' || option, option, sha256('')
from hour, generate_series(3, 30, 3) as field, generate_series(0, 7) as option
where hour.number = 0 and (field, option) <> (3, 0);

-- Each segment is edited some six times in the year, with all of its fields filled in.
create temporary table edit as
select *, lead(valid_from) over (partition by id order by valid_from) as valid_to
from (
    select segment.id, hour.number, hour.observed_at as valid_from
    from segment, hour
    where hour.number = 0 or abs(hashint8(hour.later_count * 31 + segment.id)) % 1400 = 0
) as one;
insert into amocrm.segment_version (account_id, segment_id, valid_from, valid_to, end_reason, name, color, created_at)
select 1, id, valid_from, valid_to, case when valid_to is not null then 'changed' end,
    'Segment ' || id || case when number > 0 then ' of ' || number else '' end, '6610f2', timestamptz '2020-01-01'
from edit;
insert into amocrm.segment_price_field (account_id, segment_id, valid_from, price_field_id)
select 1, id, valid_from, price from edit, generate_series(1, 2) as price;
insert into amocrm.segment_field_value (
    account_id, segment_id, valid_from, field_id, position, field_type, text_value, number_value, option_id
)
select 1, edit.id, edit.valid_from, 100 + field, 0, (array['select', 'text', 'numeric'])[1 + field % 3],
    case when field % 3 = 1 then 'Text ' || edit.id || ' ' || (edit.number + field) / 3000 end,
    case when field % 3 = 2 then edit.id * field end,
    case when field % 3 = 0 then (100 + field) * 10 + (edit.id + (edit.number + field) / 3000) % 8 end
from edit, generate_series(1, 30) as field;

insert into amocrm.segment_current (account_id, segment_id, valid_from, customers_count, content_hash)
select 1, edit.id, edit.valid_from, size.customers_count, sha256('')
from edit
cross join lateral (
    select customers_count from amocrm.segment_size as size
    where size.account_id = 1 and size.segment_id = edit.id
    order by size.observed_at desc limit 1
) as size
where edit.valid_to is null;

-- Stages, as an account has them that changed its mode: a dozen, each edited seven times, with three rules.
insert into amocrm.stage_version (
    account_id, stage_id, valid_from, valid_to, end_reason, name, sort, is_default, color, type, rule_group_count, content_hash
)
select 1, id, valid_from, valid_to, case when valid_to is not null then 'changed' end, 'Stage ' || id, id, false, '#fffeb2', 0, 2, sha256('')
from version, generate_series(1, 12) as stage (id);
insert into amocrm.stage_rule (account_id, stage_id, valid_from, group_position, rule_position, type, match, rule)
select 1, id, valid_from, position / 2, position % 2, 'after_today', to_jsonb(number), jsonb_build_object('type', 'after_today', 'value', number)
from version, generate_series(1, 12) as stage (id), generate_series(0, 2) as position;

insert into amocrm.quality_event (account_id, kind, thing, thing_id, detail, valid_from, valid_to)
select 1, 'unknown_key', 'segment', segment.id, 'Key ''key' || version.number || '''.', version.valid_from, version.valid_to
from version, segment
where segment.id % 5 = 0;
