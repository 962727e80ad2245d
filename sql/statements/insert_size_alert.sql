insert into amocrm.size_alert (
    account_id, alert_id, segment_id, segment_name, rule, direction, days, previous_observed_at, previous_count,
    observed_at, customers_count, missed_days, around, message
)
values (
    :account_id, :alert_id, :segment_id, :segment_name, :rule, :direction, :days, :previous_observed_at, :previous_count,
    :observed_at, :customers_count, :missed_days, :around, :message
)
