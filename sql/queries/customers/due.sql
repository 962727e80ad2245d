-- name: latest_scans
-- Start of the latest scan of each of these accounts; null if it has none. Accounts that were never
-- loaded have no row.
select account.account_key, (select max(scan.started_at) from amocrm.scan where scan.account_id = account.account_id) as started_at
from amocrm.account
where account.account_key = any (:keys)
