create or replace view analytics.stay_durations as
select
    stay.account_id,
    case when stay.is_stage then 'stage' else 'segment' end as place,
    stay.place_id,
    stay.is_open,
    stay.stay_count,
    stay.median_seconds,
    stay.p90_seconds
from amocrm.stay_duration as stay;

comment on view analytics.stay_durations is 'One row per stage or segment for its ended stays, and one for those that last. Stays that the first scan found are left out, since their beginning is unknown.';
comment on column analytics.stay_durations.account_id is 'The account.';
comment on column analytics.stay_durations.place is 'stage or segment.';
comment on column analytics.stay_durations.place_id is 'amoCRM''s id of the stage or segment.';
comment on column analytics.stay_durations.is_open is 'True for stays that last, with their durations until the latest scan.';
comment on column analytics.stay_durations.stay_count is 'Number of stays.';
comment on column analytics.stay_durations.median_seconds is 'Median duration between the first and the last read that showed the customer there: a lower bound.';
comment on column analytics.stay_durations.p90_seconds is '90th percentile of these durations.';
