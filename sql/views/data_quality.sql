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

comment on view analytics.data_quality is 'One row per stretch of snapshots in which the same oddity was noticed in what amoCRM said. None of them stopped a load.';
comment on column analytics.data_quality.account_id is 'The account.';
comment on column analytics.data_quality.valid_from is 'The first snapshot that showed it.';
comment on column analytics.data_quality.valid_to is 'The first snapshot that did not. Null while it lasts.';
comment on column analytics.data_quality.is_open is 'Whether the account''s newest snapshot still shows it.';
comment on column analytics.data_quality.kind is 'What was noticed, as docs/operations.md lists them: unknown_key, totals_mismatch, untyped_value and others.';
comment on column analytics.data_quality.thing is 'What it is about: account, list, stage, segment, field, option.';
comment on column analytics.data_quality.thing_id is 'Id of that thing. Null for a list or the account as a whole.';
comment on column analytics.data_quality.thing_name is 'Its newest known name. Null for lists and options.';
comment on column analytics.data_quality.detail is 'One plain sentence.';
