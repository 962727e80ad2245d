-- name: stored_accounts
-- Accounts that have a history, by key.
select account_key, account_id, timezone from amocrm.account order by account_key

-- name: last_observed_at
-- The latest snapshot with a stage or segment.
select max(snapshot.observed_at)
from (
    select valid_from, valid_to
    from amocrm.segment_version
    where :thing = 'segment' and account_id = :account_id and segment_id = :thing_id
    union all
    select valid_from, valid_to
    from amocrm.stage_version
    where :thing = 'stage' and account_id = :account_id and stage_id = :thing_id
    order by valid_from desc
    limit 1
) as version
join amocrm.snapshot
    on snapshot.account_id = :account_id
    and snapshot.observed_at >= version.valid_from
    and (version.valid_to is null or snapshot.observed_at < version.valid_to)

-- name: past_field_values
-- Field values of a snapshot's segments. JSON is text, so that numbers are parsed exactly.
select
    value.segment_id, value.field_id, value.position, value.field_type, value.text_value, value.number_value,
    value.boolean_value, value.date_value, value.timestamp_value, value.option_id, value.json_value::text as json_value
from amocrm.segment_version as segment
join amocrm.segment_field_value as value using (account_id, segment_id, valid_from)
where segment.account_id = :account_id
    and segment.valid_from <= :observed_at
    and (segment.valid_to is null or segment.valid_to > :observed_at)
order by value.segment_id, value.field_id, value.position

-- name: past_fields
-- Fields of a snapshot. JSON is text, so that numbers are parsed exactly.
select field_id, name, code, type, sort, extra::text as extra, content_hash
from amocrm.field_version
where account_id = :account_id and valid_from <= :observed_at and (valid_to is null or valid_to > :observed_at)
order by field_id

-- name: past_options
-- Options of a snapshot. JSON is text, so that numbers are parsed exactly.
select field_id, option_id, value, sort, extra::text as extra, content_hash
from amocrm.option_version
where account_id = :account_id and valid_from <= :observed_at and (valid_to is null or valid_to > :observed_at)
order by field_id, option_id

-- name: past_segments
-- Segments of a snapshot with sizes and prices. JSON is text, so that numbers are parsed exactly.
select
    segment.segment_id, segment.name, segment.color, segment.created_at, segment.updated_at, segment.extra::text as extra,
    segment.bonus_points_conversion_rate,
    segment.bonus_points_max_discount,
    (
        select size.customers_count
        from amocrm.segment_size as size
        where size.account_id = segment.account_id
            and size.segment_id = segment.segment_id
            and size.observed_at <= :observed_at
        order by size.observed_at desc
        limit 1
    ) as customers_count,
    array(
        select price.price_field_id
        from amocrm.segment_price_field as price
        where price.account_id = segment.account_id
            and price.segment_id = segment.segment_id
            and price.valid_from = segment.valid_from
        order by price.price_field_id
    ) as price_field_ids
from amocrm.segment_version as segment
where segment.account_id = :account_id
    and segment.valid_from <= :observed_at
    and (segment.valid_to is null or segment.valid_to > :observed_at)
order by segment.segment_id

-- name: past_snapshot
-- The latest snapshot of an account at or before an instant, with the account's properties then, as
-- far as stored.
select
    snapshot.observed_at, snapshot.customers_mode, snapshot.timezone,
    account.account_id, account.name, account.subdomain, account.country, account.currency
from amocrm.snapshot
join amocrm.account using (account_id)
where snapshot.account_id = :account_id and snapshot.observed_at <= :instant
order by snapshot.observed_at desc
limit 1

-- name: past_stage_rules
-- Rules of a snapshot's stages. JSON is text, so that numbers are parsed exactly.
select rule.stage_id, rule.group_position, rule.rule_position, rule.type, rule.match::text as match, rule.rule::text as rule
from amocrm.stage_version as stage
join amocrm.stage_rule as rule using (account_id, stage_id, valid_from)
where stage.account_id = :account_id
    and stage.valid_from <= :observed_at
    and (stage.valid_to is null or stage.valid_to > :observed_at)
order by rule.stage_id, rule.group_position, rule.rule_position

-- name: past_stages
-- Stages of a snapshot. JSON is text, so that numbers are parsed exactly.
select stage_id, name, sort, is_default, color, type, rule_group_count, extra::text as extra, content_hash
from amocrm.stage_version
where account_id = :account_id and valid_from <= :observed_at and (valid_to is null or valid_to > :observed_at)
order by stage_id
