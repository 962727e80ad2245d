-- name: claim_scan
-- Page 0 of the sizes names the process that owns the scan. One that goes on with it takes it over.
insert into members.page (account_id, started_at, kind, number, sent_at, received_at, rows)
values (:account_id, :started_at, 'sizes', 0, :started_at, :started_at, jsonb_build_array(cast(:owner as text)))
on conflict (account_id, started_at, kind, number) do update
set rows = excluded.rows

-- name: delete_last_sizes
delete from members.page
where account_id = :account_id and started_at = :started_at and kind = 'sizes' and number = 2

-- name: delete_later_pages
delete from members.page
where account_id = :account_id and started_at = :started_at and kind = :kind and number > :number

-- name: delete_moves
delete from members.page
where account_id = :account_id and started_at = :started_at and kind = 'moves'

-- name: delete_pages
-- Delete the pages of older scans, or of one that will not go on.
delete from members.page
where account_id = :account_id and started_at = any (cast(:starts as timestamptz[]))

-- name: has_pages
select exists (select from members.page where account_id = :account_id and started_at = :started_at)

-- name: insert_page
-- A list that is read again from its begin, with another page size, replaces its pages.
insert into members.page (account_id, started_at, kind, number, sent_at, received_at, rows)
values (:account_id, :started_at, :kind, :number, :sent_at, :received_at, :rows)
on conflict (account_id, started_at, kind, number) do update
set sent_at = excluded.sent_at,
    received_at = excluded.received_at,
    rows = excluded.rows

-- name: latest_list_numbers
-- Numbers of the last two pages of one pass over the list, in order.
select number
from (
    select number
    from members.page
    where account_id = :account_id and started_at = :started_at and kind = 'list' and number > :start
    order by number desc
    limit 2
) as latest
order by number

-- name: latest_scan
select
    started_at, scan_date, events_from, events_until,
    coalesce(
        (
            select max(page.received_at)
            from members.page
            where page.account_id = scan.account_id and page.started_at = scan.started_at
        ),
        started_at
    ) as ended_at
from amocrm.scan
where account_id = :account_id
order by started_at desc
limit 1

-- name: missing_customers
-- Customers of the latest published scan that this one has not read, by id. Forgotten ones, and those that its list did
-- not show either, are left out.
with known as (
    select cast(customer.value ->> 0 as bigint) as customer_id
    from members.page
    cross join jsonb_array_elements(page.rows) as customer (value)
    where page.account_id = :account_id
        and page.started_at = :previous
        and page.kind in ('list', 'by_id', 'kept')
        and not cast(customer.value ->> 1 as boolean)
)

select known.customer_id
from known
where known.customer_id < :forgotten_from
except
select cast(customer.value ->> 0 as bigint)
from members.page
cross join jsonb_array_elements(page.rows) as customer (value)
where page.account_id = :account_id
    and (
        (page.started_at = :started_at and page.kind in ('list', 'by_id', 'denied'))
        or (page.started_at = :previous and page.kind in ('by_id', 'denied'))
    )
order by 1
limit :most

-- name: pages_by_kind
-- Last position of each kind of page of one scan.
select kind, max(number) as number
from members.page
where account_id = :account_id and started_at = :started_at
group by kind

-- name: scan_owner
select rows ->> 0
from members.page
where account_id = :account_id and started_at = :started_at and kind = 'sizes' and number = 0

-- name: unlisted_customers
-- Customers that the previous scan read by id, and those whose turn it is today of the ones that it must not see, unless
-- this scan has read them. In a random order, so that each has a turn, however few are requested.
select customer_id
from (
    select cast(customer.value ->> 0 as bigint) as customer_id
    from members.page
    cross join jsonb_array_elements(page.rows) as customer (value)
    where page.account_id = :account_id
        and page.started_at = :previous
        and case page.kind
            when 'by_id' then not cast(customer.value ->> 1 as boolean)
            when 'denied' then (cast(customer.value ->> 0 as bigint) + :day) % :days = 0
        end
    except
    select cast(customer.value ->> 0 as bigint)
    from members.page
    cross join jsonb_array_elements(page.rows) as customer (value)
    where page.account_id = :account_id and page.started_at = :started_at and page.kind in ('list', 'by_id', 'denied')
) as unlisted
where customer_id < :forgotten_from
order by random()
limit :most

-- name: unpublished_scans
-- Scans that have not been published, latest first, with their latest read.
select page.started_at, max(page.received_at) as received_at
from members.page
where page.account_id = :account_id
    and not exists (
        select from amocrm.scan
        where scan.account_id = page.account_id and scan.started_at = page.started_at
    )
group by page.started_at
order by page.started_at desc
