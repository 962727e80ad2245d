-- Sizes of segments: a log of changes, which cannot overlap; the newest state, which the next load compares with;
-- and the days, which make trends cheap. All three are written in the publishing transaction.

create table amocrm.segment_size (
    account_id bigint not null,
    segment_id bigint not null,
    observed_at timestamptz not null,
    customers_count bigint check (customers_count >= 0),
    primary key (account_id, segment_id, observed_at),
    foreign key (account_id, observed_at) references amocrm.snapshot deferrable initially deferred
);

comment on table amocrm.segment_size is 'One row per change of a segment''s size: it holds from this snapshot to the segment''s next row. Only ever appended to.';
comment on column amocrm.segment_size.account_id is 'The account.';
comment on column amocrm.segment_size.segment_id is 'The segment.';
comment on column amocrm.segment_size.observed_at is 'The first snapshot that showed this size.';
comment on column amocrm.segment_size.customers_count is 'Customers in the segment. Null once the segment is gone, or while the API gives no usable number.';

create table amocrm.segment_current (
    account_id bigint not null,
    segment_id bigint not null,
    valid_from timestamptz not null,
    customers_count bigint check (customers_count >= 0),
    content_hash bytea not null check (octet_length(content_hash) = 32),
    primary key (account_id, segment_id),
    foreign key (account_id, segment_id, valid_from) references amocrm.segment_version
) with (fillfactor = 70); -- room for updates in place: a size changes often

comment on table amocrm.segment_current is 'One row per segment that the newest snapshot of its account saw: what the next load compares with.';
comment on column amocrm.segment_current.account_id is 'The account.';
comment on column amocrm.segment_current.segment_id is 'The segment.';
comment on column amocrm.segment_current.valid_from is 'Its open version.';
comment on column amocrm.segment_current.customers_count is 'Its size. Null while the API gives no usable number.';
comment on column amocrm.segment_current.content_hash is 'SHA-256 of all that makes a version of the segment.';

create table amocrm.segment_size_daily (
    account_id bigint not null references amocrm.account,
    segment_id bigint not null,
    observed_date date not null,
    last_count bigint check (last_count >= 0),
    min_count bigint check (min_count >= 0),
    max_count bigint check (max_count >= min_count),
    primary key (account_id, segment_id, observed_date)
) with (fillfactor = 80); -- room for updates in place on the day itself

comment on table amocrm.segment_size_daily is 'One row per segment and day on which a snapshot saw it, in the account''s timezone. Derived from amocrm.segment_size and amocrm.snapshot.';
comment on column amocrm.segment_size_daily.account_id is 'The account.';
comment on column amocrm.segment_size_daily.segment_id is 'The segment.';
comment on column amocrm.segment_size_daily.observed_date is 'Day in the account''s timezone.';
comment on column amocrm.segment_size_daily.last_count is 'Size in the day''s last snapshot that saw the segment. Null when the API gave no usable number in it.';
comment on column amocrm.segment_size_daily.min_count is 'Smallest size seen on the day. Null when no snapshot of the day gave a usable number.';
comment on column amocrm.segment_size_daily.max_count is 'Largest size seen on the day. Null when no snapshot of the day gave a usable number.';
