-- name: insert_place_days
-- Sizes of all places: of those with customers, those that had some in the previous scan (after a
-- restart, only its sizes are known), and the open stages and segments of the history.
with member as (
    select place.is_stage, place.place_id, count(*) as customers_count,
        sum(new.ltv) as ltv_sum, sum(new.purchases_count) as purchases_sum, sum(new.average_check) as average_check_sum
    from pg_temp.new_reading as new
    cross join lateral (
        select true as is_stage, new.stage_id as place_id
        where new.stage_id is not null
        union all
        select false, unnest(new.segment_ids)
    ) as place
    where not new.is_gone
    group by 1, 2
),

moved as (
    select is_stage, place_id, sum(joined_count) as joined_count, sum(left_count) as left_count
    from (
        select true as is_stage, stage_id as place_id, 1 as joined_count, 0 as left_count
        from pg_temp.change
        where stage_id is not null and old_stage_id is distinct from stage_id
        union all
        select true, old_stage_id, 0, 1
        from pg_temp.change
        where old_stage_id is not null and old_stage_id is distinct from stage_id
        union all
        select false, segment_id, 1, 0
        from pg_temp.change
        cross join unnest(segment_ids) as joined (segment_id)
        where segment_id <> all (old_segment_ids)
        union all
        select false, segment_id, 0, 1
        from pg_temp.change
        cross join unnest(old_segment_ids) as ended (segment_id)
        where segment_id <> all (segment_ids)
    ) as one
    where not :is_restart
    group by is_stage, place_id
),

place as (
    select is_stage, place_id from member
    union
    select is_stage, place_id from moved
    union
    select is_stage, place_id from amocrm.place_day
    where account_id = :account_id and observed_date = :previous_date and last_count > 0 and :is_restart
    union
    select true, stage_id from amocrm.stage_version where account_id = :account_id and valid_to is null
    union
    select false, segment_id from amocrm.segment_version where account_id = :account_id and valid_to is null
)

insert into amocrm.place_day as day (
    account_id, is_stage, place_id, observed_date, last_count, min_count, max_count, joined_count, left_count,
    ltv_sum, purchases_sum, average_check_sum
)
select
    :account_id, is_stage, place_id, :scan_date, coalesce(customers_count, 0), coalesce(customers_count, 0),
    coalesce(customers_count, 0), coalesce(joined_count, 0), coalesce(left_count, 0),
    coalesce(ltv_sum, 0), coalesce(purchases_sum, 0), coalesce(average_check_sum, 0)
from place
left join member using (is_stage, place_id)
left join moved using (is_stage, place_id)
on conflict (account_id, is_stage, place_id, observed_date) do update
set last_count = excluded.last_count,
    min_count = least(day.min_count, excluded.last_count),
    max_count = greatest(day.max_count, excluded.last_count),
    joined_count = day.joined_count + excluded.joined_count,
    left_count = day.left_count + excluded.left_count,
    ltv_sum = excluded.ltv_sum,
    purchases_sum = excluded.purchases_sum,
    average_check_sum = excluded.average_check_sum

-- name: insert_flows
-- None after all customers were forgotten: nobody knows who was there before. A customer that left one
-- segment and joined one moved between them; otherwise segments are left for nowhere and joined from
-- nowhere. Flows of an earlier scan of the day are added.
with moved as (
    select true as is_stage, coalesce(old_stage_id, 0) as from_id, coalesce(stage_id, 0) as to_id
    from pg_temp.change
    where not :is_restart and old_stage_id is distinct from stage_id
    union all
    select false, flow.from_id, flow.to_id
    from pg_temp.change
    cross join lateral (
        select
            array(select unnest(old_segment_ids) except select unnest(segment_ids)) as ended,
            array(select unnest(segment_ids) except select unnest(old_segment_ids)) as begun
    ) as difference
    cross join lateral (
        select difference.ended[1] as from_id, difference.begun[1] as to_id
        where cardinality(difference.ended) = 1 and cardinality(difference.begun) = 1
        union all
        select one.from_id, one.to_id
        from (
            select unnest(difference.ended) as from_id, 0 as to_id
            union all
            select 0, unnest(difference.begun)
        ) as one
        where cardinality(difference.ended) <> 1 or cardinality(difference.begun) <> 1
    ) as flow
    where not :is_restart
),

flow as (
    select is_stage, from_id, to_id, sum(customers_count) as customers_count
    from (
        select is_stage, from_id, to_id, 1 as customers_count
        from moved
        union all
        select day.is_stage, one.from_id, one.to_id, one.customers_count
        from amocrm.place_flow_day as day
        cross join lateral unnest(day.from_place_ids, day.to_place_ids, day.customers_counts) as one (from_id, to_id, customers_count)
        where day.account_id = :account_id and day.flow_date = :scan_date
    ) as one
    group by is_stage, from_id, to_id
)

insert into amocrm.place_flow_day (account_id, is_stage, flow_date, from_place_ids, to_place_ids, customers_counts)
select
    :account_id, is_stage, :scan_date,
    array_agg(from_id order by from_id, to_id), array_agg(to_id order by from_id, to_id), array_agg(customers_count order by from_id, to_id)
from flow
group by is_stage
on conflict (account_id, is_stage, flow_date) do update
set from_place_ids = excluded.from_place_ids,
    to_place_ids = excluded.to_place_ids,
    customers_counts = excluded.customers_counts

-- name: delete_overlaps
delete from amocrm.segment_overlap
where account_id = :account_id

-- name: insert_overlaps
insert into amocrm.segment_overlap (account_id, segment_id, other_segment_id, customers_count)
select :account_id, one.segment_id, other.segment_id, count(*)
from pg_temp.new_reading as new
cross join unnest(new.segment_ids) as one (segment_id)
join lateral unnest(new.segment_ids) as other (segment_id) on other.segment_id > one.segment_id
where not new.is_gone
group by one.segment_id, other.segment_id

-- name: insert_differences
with size as (
    select
        cast(one.value ->> 0 as bigint) as segment_id,
        max(cast(one.value ->> 1 as bigint)) filter (where page.number = 1) as count_before,
        max(cast(one.value ->> 1 as bigint)) filter (where page.number = 2) as count_after
    from members.page
    cross join jsonb_array_elements(page.rows) as one (value)
    where page.account_id = :account_id and page.started_at = :started_at and page.kind = 'sizes' and page.number > 0
    group by 1
),

member as (
    select segment.segment_id, count(*) as member_count, count(*) filter (where new.is_kept) as kept_count
    from pg_temp.new_reading as new
    cross join unnest(new.segment_ids) as segment (segment_id)
    where not new.is_gone
    group by 1
),

compared as (
    select
        segment_id,
        size.segment_id is null as is_unlisted,
        size.count_before,
        size.count_after,
        coalesce(member.member_count, 0) as member_count,
        coalesce(member.kept_count, 0) as kept_count
    from size
    full join member using (segment_id)
)

insert into amocrm.member_difference (
    account_id, started_at, segment_id, count_before, count_after, member_count, kept_count, reason
)
select
    :account_id, :started_at, segment_id, count_before, count_after, member_count, kept_count,
    case
        when is_unlisted then 'not_listed'
        when count_before is distinct from count_after then 'changed'
        when member_count > count_after and member_count - count_after <= kept_count then 'kept'
        when member_count > count_after then 'stale'
        when count_after - member_count <= :forgotten_count then 'forgotten'
        else 'hidden_or_missed'
    end
from compared
where (count_before is distinct from member_count or count_after is distinct from member_count)
    and (is_unlisted or count_before is not null or count_after is not null)
    and :has_segments
