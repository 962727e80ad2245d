-- name: latest_scan_of_key
select scan.account_id, started_at, customers_count, kept_count, stage_change_count, explained_count
from amocrm.scan
join amocrm.account using (account_id)
where account.account_key = :account_key
order by started_at desc
limit 1

-- name: differences_of_scan
select segment_id, count_before, count_after, member_count, reason
from amocrm.member_difference
where account_id = :account_id and started_at = :started_at
order by segment_id
