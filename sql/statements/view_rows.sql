-- How many rows each view shows of an account, told from the tables where that is cheaper than asking the view.
with version_counts as (
    select
        (select count(*) from amocrm.segment_current where account_id = :account_id) as current_segments,
        (select count(*) from amocrm.segment_version where account_id = :account_id) as segment_versions,
        (select count(*) from amocrm.segment_field_value where account_id = :account_id) as field_values,
        (select count(*) from amocrm.stage_version where account_id = :account_id) as stage_versions,
        (select count(*) from amocrm.stage_version where account_id = :account_id and valid_to is null) as current_stages,
        (select count(*) from amocrm.snapshot where account_id = :account_id) as snapshots,
        (select coalesce(sum(segment_count), 0) from amocrm.snapshot where account_id = :account_id) as segments_seen,
        (select count(*) from analytics.segment_sizes_daily where account_id = :account_id) as days
)

select view_rows.view_name, view_rows.row_count
from version_counts
cross join lateral (
    values
        ('segments', current_segments),
        ('segment_trends', current_segments),
        ('segment_history', segment_versions),
        ('segment_field_values', field_values),
        ('segment_snapshots', segments_seen),
        ('segment_sizes_daily', days),
        ('stages', current_stages),
        ('stage_history', stage_versions),
        ('snapshots', snapshots)
) as view_rows (view_name, row_count)
