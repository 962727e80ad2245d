-- Spans in which loads are missing, the newest first.
select after_at, until_at, gap_seconds, missed_count, missed_days, failure_count, errors
from analytics.gaps
where account_id = :account_id and coalesce(until_at, now()) >= :after
order by after_at desc
