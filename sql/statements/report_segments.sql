-- The segments that an account's newest snapshot saw, the largest first.
select
    segment_id,
    name,
    customers_count,
    share_percent,
    change_1_day,
    change_7_days,
    change_7_days_percent,
    change_30_days,
    change_30_days_percent
from analytics.segment_trends
where account_id = :account_id
order by customers_count desc nulls last, segment_id
