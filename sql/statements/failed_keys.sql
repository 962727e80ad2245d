-- Accounts whose newest load failed. One that was superseded was none: a newer one had succeeded.
select failure.account_key
from amocrm.load_failure as failure
left join amocrm.account using (account_key)
where failure.started_at <= now() + interval '2 days' -- beyond is what a wrong clock has noted
group by failure.account_key, account.account_id
having max(failure.started_at) > coalesce(
    (select max(snapshot.observed_at) from amocrm.snapshot where snapshot.account_id = account.account_id),
    '-infinity'
)
