-- Days from a day on, on which a segment's size left its own rhythm, the newest first; what changed around them by name.
select
    segment_id, name, observed_date, last_count, change_count, usual_change_count, missed_days, observed_at,
    (
        select string_agg(
            distinct case
                when one.thing in ('account', 'segment') then 'the ' || one.thing
                else format('%s ''%s''', one.thing, coalesce(one.name, one.thing_id::text))
            end,
            ', '
        )
        from jsonb_to_recordset(changes) as one (thing text, thing_id bigint, name text)
    ) as changed_things
from analytics.segment_jumps
where account_id = :account_id and observed_date >= :first_date
order by observed_date desc, abs(change_count) desc, segment_id
