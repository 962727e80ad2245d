-- Properties of segments that amoCRM's documentation does not name; until now their values were in ``extra``.
alter table amocrm.segment_version
    add column bonus_points_conversion_rate numeric,
    add column bonus_points_max_discount numeric;
comment on column amocrm.segment_version.bonus_points_conversion_rate is 'Share of a purchase that customers receive as bonus points, in percent. Null if amoCRM gives none.';
comment on column amocrm.segment_version.bonus_points_max_discount is 'Largest share of a purchase that customers can pay with bonus points, in percent. Null if amoCRM gives none.';

alter table amocrm.segment_version disable trigger closed_is_closed;
update amocrm.segment_version
set bonus_points_conversion_rate = (extra ->> 'bonus_points_conversion_rate')::numeric,
    extra = nullif(extra - 'bonus_points_conversion_rate', '{}')
where jsonb_typeof(extra -> 'bonus_points_conversion_rate') in ('number', 'null');
update amocrm.segment_version
set bonus_points_max_discount = (extra ->> 'bonus_points_max_discount')::numeric,
    extra = nullif(extra - 'bonus_points_max_discount', '{}')
where jsonb_typeof(extra -> 'bonus_points_max_discount') in ('number', 'null');
-- Postgres alters no table that has pending checks of deferred references: the second update leaves some.
set constraints all immediate;
alter table amocrm.segment_version enable trigger closed_is_closed;

drop function if exists analytics.as_of(bigint, timestamptz);
drop function if exists analytics.stages_as_of(bigint, timestamptz);
