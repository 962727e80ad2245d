create or replace view analytics.member_differences as
select
    difference.account_id,
    difference.started_at,
    difference.segment_id,
    difference.count_before,
    difference.count_after,
    difference.member_count,
    difference.kept_count,
    difference.reason
from amocrm.member_difference as difference;

comment on view analytics.member_differences is 'One row per scan and segment whose members are not as many as amoCRM counts. Nothing is corrected.';
comment on column analytics.member_differences.account_id is 'The account.';
comment on column analytics.member_differences.started_at is 'Start of the scan.';
comment on column analytics.member_differences.segment_id is 'The segment.';
comment on column analytics.member_differences.count_before is 'amoCRM''s count before the scan. Null if the segment was not listed.';
comment on column analytics.member_differences.count_after is 'amoCRM''s count after the scan. Null if the segment was not listed.';
comment on column analytics.member_differences.member_count is 'Members that the scan found.';
comment on column analytics.member_differences.kept_count is 'Members of them that could not be read, and stay as an earlier scan read them.';
comment on column analytics.member_differences.reason is 'changed: amoCRM''s count changed during the scan; kept: kept members explain it; stale: members left after they were read; forgotten: forgotten customers explain it; hidden_or_missed: the token''s user may not see some members, or the list did not show them; not_listed: amoCRM does not list the segment.';
