-- The first snapshot of an account from which on every snapshot's answers are kept as received. No row where the newest's are not.
select min(snapshot.observed_at) as observed_at
from amocrm.snapshot
where snapshot.account_id = :account_id
    and snapshot.observed_at > coalesce(
        (
            select max(without.observed_at)
            from amocrm.snapshot as without
            where without.account_id = :account_id
                and not exists (
                    select from amocrm.raw_answer as answer
                    where answer.account_id = without.account_id
                        and answer.observed_at = without.observed_at
                        and answer.load_id = without.load_id
                )
        ),
        '-infinity'
    )
having min(snapshot.observed_at) is not null
