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

comment on view analytics.field_history is 'One row per state of a segment field''s definition, its options aside, from the snapshot that first showed it to the first that did not.';
comment on column analytics.field_history.account_id is 'The account.';
comment on column analytics.field_history.field_id is 'amoCRM''s id of the field: its identity, while name and code can change.';
comment on column analytics.field_history.valid_from is 'The first snapshot that showed this state; the change itself lies between it and the snapshot before.';
comment on column analytics.field_history.valid_to is 'The first snapshot that did not. Null while it is the current state.';
comment on column analytics.field_history.end_reason is 'Why it ended: changed, deleted (confirmed by amoCRM), mode_off (the account''s customers mode was switched). Null while open.';
comment on column analytics.field_history.name is 'Name; two fields may share one.';
comment on column analytics.field_history.code is 'Code given by an integration or a user. Null when there is none.';
comment on column analytics.field_history.type is 'Type, for example text, numeric, select; as received.';
comment on column analytics.field_history.sort is 'Position among the fields.';
comment on column analytics.field_history.extra is 'All other properties of the definition, as received. Null when there are none.';
