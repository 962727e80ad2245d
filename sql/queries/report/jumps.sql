-- name: report_jumps
-- Jumps of segments, and of stages in their mode, from a day on, latest first, with the names of
-- entities that changed around them.
with jump as (
    select
        'segment' as place,
        segment_id as place_id,
        name,
        previous_date,
        previous_count,
        observed_date,
        last_count,
        change_count,
        usual_change_count,
        missed_days,
        observed_at,
        changes,
        joined_count,
        left_count,
        unexplained_percent
    from analytics.segment_jumps
    where account_id = :account_id and observed_date >= :first_date
    union all
    select
        'stage' as place,
        stage_id as place_id,
        name,
        previous_date,
        previous_count,
        observed_date,
        last_count,
        change_count,
        usual_change_count,
        missed_days,
        observed_at,
        changes,
        joined_count,
        left_count,
        unexplained_percent
    from analytics.stage_jumps
    where account_id = :account_id and observed_date >= :first_date
        and (select customers_mode from amocrm.account where account_id = :account_id) = 'periodicity'
)

select
    place,
    place_id,
    name,
    previous_date,
    previous_count,
    observed_date,
    last_count,
    change_count,
    usual_change_count,
    missed_days,
    observed_at,
    (
        select string_agg(
            distinct case
                when one.thing = 'account' or one.thing = jump.place and one.thing_id = jump.place_id
                    then 'the ' || one.thing
                when one.thing = jump.place
                    then format('%s ''%s'' (%s)', one.thing, coalesce(one.name, one.thing_id::text), one.change)
                else format('%s ''%s''', one.thing, coalesce(one.name, one.thing_id::text))
            end,
            ', '
        )
        from jsonb_to_recordset(changes) as one (thing text, thing_id bigint, name text, change text)
    ) as changed_things,
    coalesce(changes, '[]') as changes_around,
    joined_count,
    left_count,
    unexplained_percent
from jump
order by observed_date desc, abs(change_count) desc, place_id

-- name: report_jump_flows
-- Customers that joined or left around the account's jumps from a day on, most customers first.
select
    place,
    place_id,
    observed_date,
    to_id is not distinct from place_id as is_joined,
    case when to_id = place_id then from_id else to_id end as other_id,
    case when to_id = place_id then from_name else to_name end as other_name,
    customers_count
from analytics.jump_flows
where account_id = :account_id and observed_date >= :first_date
order by customers_count desc, from_id, to_id
