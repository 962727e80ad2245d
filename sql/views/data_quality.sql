create or replace view analytics.data_quality as
select
    event.account_id,
    event.valid_from,
    event.valid_to,
    event.valid_to is null as is_open,
    event.kind,
    event.thing,
    nullif(event.thing_id, 0) as thing_id,
    case event.thing
        when 'account' then (
            select account.name
            from amocrm.account
            where account.account_id = event.account_id
        )
        when 'segment' then (
            select segment.name
            from amocrm.segment_version as segment
            where segment.account_id = event.account_id and segment.segment_id = event.thing_id
            order by segment.valid_from desc
            limit 1
        )
        when 'stage' then (
            select stage.name
            from amocrm.stage_version as stage
            where stage.account_id = event.account_id and stage.stage_id = event.thing_id
            order by stage.valid_from desc
            limit 1
        )
        when 'field' then (
            select field.name
            from amocrm.field_version as field
            where field.account_id = event.account_id and field.field_id = event.thing_id
            order by field.valid_from desc
            limit 1
        )
    end as thing_name,
    event.detail
from amocrm.quality_event as event;

comment on view analytics.data_quality is 'One row per anomaly in amoCRM''s responses and range of consecutive snapshots that show it. Anomalies do not stop a load.';
comment on column analytics.data_quality.account_id is 'The account.';
comment on column analytics.data_quality.valid_from is 'The first snapshot with the anomaly.';
comment on column analytics.data_quality.valid_to is 'The first snapshot without it. Null while it is open.';
comment on column analytics.data_quality.is_open is 'True if the account''s latest snapshot still shows it.';
comment on column analytics.data_quality.kind is 'Kind of anomaly, see docs/operations.md: unknown_key, totals_mismatch, untyped_value and others.';
comment on column analytics.data_quality.thing is 'Kind of entity: account, list, stage, segment, field, option.';
comment on column analytics.data_quality.thing_id is 'Id of that entity. Null for a list or the account as a whole.';
comment on column analytics.data_quality.thing_name is 'Latest known name of the entity. Null for lists and options.';
comment on column analytics.data_quality.detail is 'Description in one sentence.';
