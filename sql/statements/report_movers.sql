-- Who grew and who shrank most over 7 and over 30 days.
select days, direction, segment_id, name, before_count, customers_count, change_count, change_percent
from analytics.segment_movers
where account_id = :account_id and days in (7, 30) and place <= :most
order by days, direction desc, place, segment_id
