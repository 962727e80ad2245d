create or replace view analytics.field_history as
select
    field.account_id,
    field.field_id,
    field.valid_from,
    field.valid_to,
    field.end_reason,
    field.name,
    field.code,
    field.type,
    field.sort,
    field.extra
from amocrm.field_version as field;

comment on view analytics.field_history is 'One row per state of a segment field''s definition, without its options, from the first snapshot with it to the first without it.';
comment on column analytics.field_history.account_id is 'The account.';
comment on column analytics.field_history.field_id is 'amoCRM''s id of the field: its identity; name and code can change.';
comment on column analytics.field_history.valid_from is 'The first snapshot with this state; the change happened between it and the previous snapshot.';
comment on column analytics.field_history.valid_to is 'The first snapshot without this state. Null while it is current.';
comment on column analytics.field_history.end_reason is 'Why it ended: changed, deleted (confirmed by amoCRM), mode_off (the account''s customers mode was switched). Null while open.';
comment on column analytics.field_history.name is 'Name; two fields may share one.';
comment on column analytics.field_history.code is 'Code given by an integration or a user. Null if there is none.';
comment on column analytics.field_history.type is 'Type, for example text, numeric, select; as received.';
comment on column analytics.field_history.sort is 'Position among the fields.';
comment on column analytics.field_history.extra is 'All other properties of the definition, as received. Null if there are none.';
