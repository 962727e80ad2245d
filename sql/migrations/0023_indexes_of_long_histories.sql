-- Questions about a short time read a short part of a long history.

-- analytics.segment_sizes and segment_sizes_daily: names of segments, without reading every version.
create index segment_version_last on amocrm.segment_version (account_id, segment_id, valid_from)
where end_reason is distinct from 'changed';

-- analytics.segment_snapshots and as_of(): states at an instant, without versions that had ended before.
create index segment_version_ended on amocrm.segment_version (account_id, valid_to);
