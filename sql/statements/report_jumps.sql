-- Days from a day on, on which a segment's size left its own rhythm, the newest first.
select
    segment_id, name, observed_date, last_count, change_count, usual_change_count, missed_days, observed_at, changed_things
from analytics.segment_jumps
where account_id = :account_id and observed_date >= :first_date
order by observed_date desc, abs(change_count) desc, segment_id
