-- first day: a stage and up to three segments of each customer
insert into pg_temp.reading (
    is_new, customer_id, is_gone, stage_id, segment_ids, sent_at, received_at, is_kept, ltv, purchases_count, average_check
)
select
    true, 10000000 + number, false,
    (cast(:stages as bigint[]))[1 + mod(number, cardinality(cast(:stages as bigint[])))],
    array(
        select distinct (cast(:segments as bigint[]))[
            1 + mod(abs(hashint8extended(number, pick) / 2), cardinality(cast(:segments as bigint[])))
        ]
        from generate_series(1, 3) as pick
        order by 1
    ),
    :at, :at, false, 1000 + mod(number * 7919, 90000), mod(number, 9), 500 + mod(number, 8500)
from generate_series(1, cast(:customers as bigint)) as customer (number);

-- first change: all customers are new
insert into pg_temp.change (customer_id, received_at, old_segment_ids, stage_id, segment_ids)
select customer_id, cast(:at as timestamptz) + interval '1 minute', '{}', stage_id, segment_ids
from pg_temp.new_reading;

-- changes of a day: of a hundredth of the customers, six tenths move to a stage, two replace a segment, one leaves one, one joins one
insert into pg_temp.change (
    customer_id, old_sent_at, old_received_at, sent_at, received_at, old_stage_id, old_segment_ids, stage_id, segment_ids
)
select
    customer_id, cast(:at as timestamptz) - interval '1 day', cast(:at as timestamptz) - interval '1 day',
    cast(:at as timestamptz), cast(:at as timestamptz) + interval '1 minute', stage_id, segment_ids,
    case when chance < 6 then (cast(:stages as bigint[]))[1 + mod(other, cardinality(cast(:stages as bigint[])))] else stage_id end,
    case
        when chance < 6 then segment_ids
        else array(
            select segment_id from unnest(segment_ids) as segment (segment_id) where chance = 8 or segment_id <> segment_ids[1]
            union
            select (cast(:segments as bigint[]))[1 + mod(other, cardinality(cast(:segments as bigint[])))] where chance <> 9
            order by 1
        )
    end
from (
    select
        customer_id, stage_id, segment_ids,
        mod(abs(hashint8extended(customer_id, cast(:day as bigint)) / 2), 1000) as chance,
        abs(hashint8extended(customer_id, cast(:day as bigint) + 1000000) / 2) as other
    from pg_temp.new_reading
) as picked
where chance < 10;

-- state after the day
update pg_temp.reading
set stage_id = change.stage_id, segment_ids = change.segment_ids
from pg_temp.change
where reading.customer_id = change.customer_id;

-- events of the day, nine of ten
insert into members.page (account_id, started_at, kind, number, sent_at, received_at, rows)
select
    :account_id, :at, 'moves', 1, :at, :at,
    coalesce(
        jsonb_agg(
            jsonb_build_array(
                customer_id, cast(extract(epoch from cast(:at as timestamptz)) as bigint) - 3600, old_stage_id, stage_id, mod(customer_id, 20)
            )
        ),
        '[]'
    )
from pg_temp.change
where old_stage_id <> stage_id and mod(customer_id, 10) > 0;

-- differences of the day
insert into amocrm.member_difference (account_id, started_at, segment_id, count_before, count_after, member_count, kept_count, reason)
select :account_id, :at, segment_id, 3000, 3001, 3000, 0, 'changed'
from unnest(cast(:segments as bigint[])) with ordinality as segment (segment_id, position)
where position <= 5;

-- pages of the state
insert into members.page (account_id, started_at, kind, number, sent_at, received_at, rows)
select
    :account_id, :at, 'list', 250 * (page + 1), :at, cast(:at as timestamptz) + interval '1 minute',
    jsonb_agg(
        jsonb_build_array(
            customer_id, false, stage_id, segment_ids, ltv, purchases_count, average_check, 1790000000 + 86400 * mod(customer_id, 60), 30
        )
        order by customer_id
    )
from (select *, (row_number() over (order by customer_id) - 1) / 250 as page from pg_temp.new_reading) as one
group by page;

-- sizes before and after the list
insert into members.page (account_id, started_at, kind, number, sent_at, received_at, rows)
select :account_id, :at, 'sizes', part, :at, :at, (
    select jsonb_agg(jsonb_build_array(segment_id, customers_count))
    from (select unnest(segment_ids) as segment_id, count(*) as customers_count from pg_temp.new_reading group by 1) as size
)
from generate_series(1, 2) as part;
