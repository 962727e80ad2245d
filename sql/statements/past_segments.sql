-- The segments that a snapshot saw, with their sizes and prices; JSON as text, so that it is read exactly.
select
    segment.segment_id, segment.name, segment.color, segment.created_at, segment.updated_at, segment.extra::text as extra,
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
