-- Segments by versions, with their price fields and field values. Their sizes are a series of their own: see 0006.

create table amocrm.segment_version (
    account_id bigint not null references amocrm.account,
    segment_id bigint not null check (segment_id > 0),
    valid_from timestamptz not null,
    valid_to timestamptz,
    end_reason text check (end_reason in ('changed', 'deleted', 'mode_off')),
    name text,
    color text,
    created_at timestamptz,
    updated_at timestamptz,
    extra jsonb,
    primary key (account_id, segment_id, valid_from),
    foreign key (account_id, valid_from) references amocrm.snapshot deferrable initially deferred,
    foreign key (account_id, valid_to) references amocrm.snapshot deferrable initially deferred,
    check (valid_to > valid_from),
    check ((valid_to is null) = (end_reason is null)),
    constraint segment_version_overlap exclude using gist (
        int8range(account_id, account_id, '[]') with &&,
        int8range(segment_id, segment_id, '[]') with &&,
        tstzrange(valid_from, valid_to) with &&
    )
);
-- Serves reading and closing what is open.
create unique index segment_version_open on amocrm.segment_version (account_id, segment_id) where valid_to is null;

comment on table amocrm.segment_version is 'One row per state of a segment, its size aside, from the snapshot that first showed it to the first that did not.';
comment on column amocrm.segment_version.account_id is 'The account.';
comment on column amocrm.segment_version.segment_id is 'amoCRM''s id of the segment.';
comment on column amocrm.segment_version.valid_from is 'observed_at of the first snapshot that showed this state.';
comment on column amocrm.segment_version.valid_to is 'observed_at of the first snapshot that did not. Null while it is the current state.';
comment on column amocrm.segment_version.end_reason is 'Why it ended: changed (another version follows), deleted (the API said so, asked for the id), mode_off (the customers mode was switched). Null while open.';
comment on column amocrm.segment_version.name is 'Name. Null where the API gave none.';
comment on column amocrm.segment_version.color is 'Colour as received, without a leading #.';
comment on column amocrm.segment_version.created_at is 'When the segment was created, by amoCRM. Null where the API gave no usable time.';
comment on column amocrm.segment_version.updated_at is 'amoCRM''s time of the last update, as the first snapshot of this version showed it; on its own it makes no version.';
comment on column amocrm.segment_version.extra is 'Properties that the vendor''s page does not know, as received. Null when there are none.';

create table amocrm.segment_price_field (
    account_id bigint not null,
    segment_id bigint not null,
    valid_from timestamptz not null,
    price_field_id bigint not null,
    primary key (account_id, segment_id, valid_from, price_field_id),
    foreign key (account_id, segment_id, valid_from) references amocrm.segment_version
);

comment on table amocrm.segment_price_field is 'One row per price available to a segment, by version of the segment.';
comment on column amocrm.segment_price_field.account_id is 'The account.';
comment on column amocrm.segment_price_field.segment_id is 'The segment.';
comment on column amocrm.segment_price_field.valid_from is 'The version of the segment that the price belongs to.';
comment on column amocrm.segment_price_field.price_field_id is 'Id of a catalog''s custom field of type price (available_products_price_types).';

create table amocrm.segment_field_value (
    account_id bigint not null,
    segment_id bigint not null,
    valid_from timestamptz not null,
    field_id bigint not null,
    position integer not null check (position >= 0),
    field_type text,
    text_value text,
    number_value numeric,
    boolean_value boolean,
    date_value date,
    timestamp_value timestamptz,
    option_id bigint,
    json_value jsonb,
    primary key (account_id, segment_id, valid_from, field_id, position),
    foreign key (account_id, segment_id, valid_from) references amocrm.segment_version
);

comment on table amocrm.segment_field_value is 'One row per value of a custom field of a segment, by version of the segment; several where the field holds several.';
comment on column amocrm.segment_field_value.account_id is 'The account.';
comment on column amocrm.segment_field_value.segment_id is 'The segment.';
comment on column amocrm.segment_field_value.valid_from is 'The version of the segment that the value belongs to.';
comment on column amocrm.segment_field_value.field_id is 'The field; its name at that time is in amocrm.field_version.';
comment on column amocrm.segment_field_value.position is 'Position among the values of the field, from 0; options are ordered by their id, since amoCRM''s order is not stable.';
comment on column amocrm.segment_field_value.field_type is 'Type of the field when the value was read, which decides the column that holds it.';
comment on column amocrm.segment_field_value.text_value is 'Value of a text, textarea, url or streetaddress field, and any value that could not be typed. Null otherwise.';
comment on column amocrm.segment_field_value.number_value is 'Value of a numeric field, exactly. Null otherwise.';
comment on column amocrm.segment_field_value.boolean_value is 'Value of a checkbox. Null otherwise; a checkbox that is not set has no row.';
comment on column amocrm.segment_field_value.date_value is 'Value of a date field: a day in the account''s timezone. Null otherwise.';
comment on column amocrm.segment_field_value.timestamp_value is 'Value of a date_time field: an instant. Null otherwise.';
comment on column amocrm.segment_field_value.option_id is 'Option chosen in a select, multiselect or radiobutton field; its label at that time is in amocrm.option_version. Null otherwise.';
comment on column amocrm.segment_field_value.json_value is 'Value of a field of a type that is an object or unknown here, and any value that could not be typed, as received. Null otherwise.';
