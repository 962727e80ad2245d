-- Segments of an account whose size jumped on its newest observed day.
select segment_id, name, previous_date, previous_count, last_count, usual_change_count, changed_things
from analytics.segment_jumps
where account_id = :account_id and observed_date = :observed_date
order by abs(change_count) desc, segment_id
