-- The ledger's row comes last: with its commit the snapshot exists.
insert into amocrm.snapshot (
    account_id, observed_at, observed_date, load_id, customers_mode, timezone,
    stage_count, segment_count, field_count, option_count,
    opened_count, closed_count, size_change_count,
    request_count, byte_count, duration_seconds, code_version, run_id
)
values (
    :account_id, :observed_at, :observed_date, :load_id, :customers_mode, :timezone,
    :stage_count, :segment_count, :field_count, :option_count,
    :opened_count, :closed_count, :size_change_count,
    :request_count, :byte_count, :duration_seconds, :code_version, :run_id
)
