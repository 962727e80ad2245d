-- A member is certain until its latest read. Before, also a customer that could not be read was certain until the latest
-- scan, and all were until the start of a scan that has not ended.

-- Inlined, so that a condition on the place uses its index; a setting would prevent that. The instant is computed once,
-- not for each stay, also if it is an expression. The oldest pages are those of the latest published scan.
create or replace function members.members_as_of(account_id bigint, instant timestamptz)
returns table (customer_id bigint, place text, place_id bigint, is_certain boolean)
language sql stable
begin atomic
    select
        stay.customer_id,
        case when stay.is_stage then 'stage' else 'segment' end,
        stay.place_id,
        stay.entered_by <= (select members_as_of.instant)
            and coalesce(
                stay.left_after,
                kept.sent_at,
                (select min(page.started_at) from members.page where page.account_id = members_as_of.account_id)
            ) >= (select members_as_of.instant)
    from members.stay as stay
    left join (
        select (customer.value ->> 0)::bigint as customer_id, min(page.sent_at) as sent_at
        from members.page
        cross join jsonb_array_elements(page.rows) as customer (value)
        where page.account_id = members_as_of.account_id and page.kind = 'kept'
        group by 1
    ) as kept on kept.customer_id = stay.customer_id
    where stay.account_id = members_as_of.account_id
        and coalesce(stay.entered_after, stay.entered_by) <= (select members_as_of.instant)
        and (stay.left_by > (select members_as_of.instant) or stay.left_by is null);
end;
