-- The days of a ledger in order: analytics.segment_sizes_daily counts snapshots per day and finds
-- days without any by this index alone, which matters after years of hourly loads.

create index snapshot_date on amocrm.snapshot (account_id, observed_date);
