create or replace view analytics.segment_overlaps as
select
    overlap.account_id,
    overlap.segment_id,
    overlap.other_segment_id,
    overlap.customers_count
from amocrm.segment_overlap as overlap;

comment on view analytics.segment_overlaps is 'One row per pair of segments with customers in both, in the account''s latest scan.';
comment on column analytics.segment_overlaps.account_id is 'The account.';
comment on column analytics.segment_overlaps.segment_id is 'The segment with the smaller id.';
comment on column analytics.segment_overlaps.other_segment_id is 'The other segment.';
comment on column analytics.segment_overlaps.customers_count is 'Customers in both.';
