-- name: view_rows
-- Number of rows of an account in each view and among the failed loads, counted in the tables if that is cheaper.
select view_rows.view_name, view_rows.row_count
from (
    values
        ('data_quality', (select count(*) from amocrm.quality_event where account_id = :account_id)),
        ('field_history', (select count(*) from amocrm.field_version where account_id = :account_id)),
        ('fields', (select count(*) from amocrm.field_version where account_id = :account_id and valid_to is null)),
        (
            'load_failure',
            (
                select count(*) from amocrm.load_failure join amocrm.account using (account_key)
                where account.account_id = :account_id
            )
        ),
        ('option_history', (select count(*) from amocrm.option_version where account_id = :account_id)),
        ('segment_field_values', (select count(*) from amocrm.segment_field_value where account_id = :account_id)),
        ('segment_history', (select count(*) from amocrm.segment_version where account_id = :account_id)),
        ('segment_sizes', (select count(*) from analytics.segment_sizes where account_id = :account_id)),
        ('segment_sizes_daily', (select count(*) from analytics.segment_sizes_daily where account_id = :account_id)),
        ('segment_snapshots', (select sum(segment_count) from amocrm.snapshot where account_id = :account_id)),
        ('segment_trends', (select count(*) from amocrm.segment_current where account_id = :account_id)),
        ('segments', (select count(*) from amocrm.segment_current where account_id = :account_id)),
        ('size_alerts', (select count(*) from amocrm.size_alert where account_id = :account_id)),
        ('snapshots', (select count(*) from amocrm.snapshot where account_id = :account_id)),
        ('stage_history', (select count(*) from amocrm.stage_version where account_id = :account_id)),
        ('stage_sizes_daily', (select count(*) from analytics.stage_sizes_daily where account_id = :account_id)),
        ('stage_trends', (select count(*) from analytics.stage_sizes where account_id = :account_id)),
        ('stages', (select count(*) from amocrm.stage_version where account_id = :account_id and valid_to is null))
) as view_rows (view_name, row_count)
where view_rows.row_count is not null
