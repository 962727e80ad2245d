-- name: create_change_notice
-- Begin with the account's snapshot before the latest, so that the first load ever alerts on nothing,
-- and the first one with a receiver on its own changes.
insert into amocrm.change_notice (account_id, observed_at)
select latest.account_id, latest.observed_at
from (
    select snapshot.account_id, snapshot.observed_at
    from amocrm.snapshot
    where snapshot.account_id = :account_id
    order by snapshot.observed_at desc
    limit 2
) as latest
order by latest.observed_at
limit 1
on conflict do nothing

-- name: claim_change_notice
-- The span of snapshots whose changes are to be sent, and whether there may be any. The row stays
-- locked until the transaction ends. No row if another load sends them right now.
select
    notice.observed_at as after,
    latest.observed_at as until,
    (latest.customers_mode, latest.timezone) is distinct from (before.customers_mode, before.timezone)
        or exists (
            select
            from (
                select account_id, valid_from, valid_to from amocrm.segment_version
                union all
                select account_id, valid_from, valid_to from amocrm.stage_version
                union all
                select account_id, valid_from, valid_to from amocrm.field_version
                union all
                select account_id, valid_from, valid_to from amocrm.option_version
            ) as version
            where version.account_id = notice.account_id
                and greatest(version.valid_from, version.valid_to) > notice.observed_at
        ) as has_changes
from amocrm.change_notice as notice
join amocrm.snapshot as before using (account_id, observed_at)
cross join lateral (
    select snapshot.observed_at, snapshot.customers_mode, snapshot.timezone
    from amocrm.snapshot
    where snapshot.account_id = notice.account_id
    order by snapshot.observed_at desc
    limit 1
) as latest
where notice.account_id = :account_id
for no key update of notice skip locked

-- name: advance_change_notice
update amocrm.change_notice set observed_at = :until, noticed_at = now() where account_id = :account_id

-- name: previewed_span
-- The span of snapshots whose changes are pending, or else that of the last load that showed a
-- change of a segment, a stage or the mode.
select least(change.previous_observed_at, notice.observed_at) as after, change.observed_at as until
from (
    select observed_at, previous_observed_at
    from analytics.changes
    where account_id = :account_id
        and change not in ('mode_on', 'mode_off')
        and (thing in ('segment', 'stage') and property is distinct from 'field_value' or property = 'customers_mode')
    order by observed_at desc
    limit 1
) as change
left join amocrm.change_notice as notice on notice.account_id = :account_id

-- name: unreported_changes
-- Changes of these kinds in a span of snapshots, oldest first, and who made them by this program.
-- Whatever ends or begins with the customers mode is one change of the account.
with classified as (
    select
        change.*,
        bool_or(change.property is not distinct from 'customers_mode') over (partition by change.observed_at) as is_mode_switch,
        case
            when change.thing = 'account' then case change.property when 'customers_mode' then 'mode' else 'details' end
            when change.thing in ('field', 'option') or change.property = 'field_value' then 'fields'
            when change.change in ('added', 'returned') then 'added'
            when change.change = 'deleted' then 'deleted'
            when change.property = 'name' then 'renamed'
            when change.property = 'conditions' then 'rules'
            when change.property in ('price_field_ids', 'bonus_points_conversion_rate', 'bonus_points_max_discount')
                then 'prices'
            else 'details'
        end as kind
    from analytics.changes as change
    where change.account_id = :account_id
        and change.observed_at > :after
        and change.observed_at <= :until
        and change.change not in ('mode_on', 'mode_off')
)

select
    classified.observed_at,
    classified.previous_observed_at,
    classified.thing,
    classified.thing_id,
    classified.thing_name,
    classified.change,
    classified.property,
    classified.value_field_name,
    classified.old_text,
    classified.new_text,
    classified.old_value,
    classified.new_value,
    classified.kind,
    written.who,
    written.reason,
    count(*) over () as total_count,
    count(*) over (partition by classified.observed_at) as load_count
from classified
left join lateral (
    select call.who, call.reason
    from amocrm.write_back_thing as entity
    join amocrm.write_back as call using (account_id, call_id)
    where entity.account_id = :account_id
        and entity.thing = classified.thing
        and entity.thing_id = classified.thing_id
        and call.outcome = 'done'
        and call.intended_at > classified.previous_observed_at
        and call.intended_at <= classified.observed_at
    order by call.intended_at desc
    limit 1
) as written on true
where classified.kind = any (cast(:kinds as text[])) and (classified.kind <> 'added' or not classified.is_mode_switch)
order by
    classified.observed_at,
    array_position(cast(:kinds as text[]), classified.kind),
    classified.thing,
    classified.thing_id,
    classified.property,
    classified.value_field_id
limit :most
