-- Whether snapshots between two instants showed changes.
select exists (
    select from analytics.changes
    where account_id = :account_id and observed_at > :after and observed_at < :before
)
