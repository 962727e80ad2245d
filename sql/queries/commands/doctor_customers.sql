-- name: accounts_with_customers
-- Keys of the accounts with single customers.
select account_key
from amocrm.account
where exists (select from members.stay where stay.account_id = account.account_id)
    or exists (select from members.page where page.account_id = account.account_id)
order by account_key
