-- Sizes of an account's segments of now, day by day from a day on, oldest first.
select daily.segment_id, daily.observed_date as date, daily.last_count as size, daily.is_observed
from analytics.segment_sizes_daily as daily
join amocrm.segment_current as segment using (account_id, segment_id)
where daily.account_id = :account_id and daily.observed_date >= :first_date
order by daily.segment_id, daily.observed_date
