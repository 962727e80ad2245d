-- name: delete_useless_hashes
-- Hashes of another key recognize nobody.
delete from members.forgotten
where account_id = :account_id and key_hash is distinct from cast(:key_hash as bytea)

-- name: delete_pages_of_account
delete from members.page
where account_id = :account_id

-- name: delete_stays_of_account
delete from members.stay
where account_id = :account_id

-- name: forget_in_pages
-- In the pages of a published scan the customer gets the random id, so that the next scan ends its stays. A scan that
-- is not published yet loses it.
update members.page
set rows = coalesce(
    (
        select jsonb_agg(
            case
                when cast(customer.value ->> 0 as bigint) = :customer_id then jsonb_set(customer.value, '{0}', to_jsonb(cast(:random_id as bigint)))
                else customer.value
            end
            order by customer.position
        )
        from jsonb_array_elements(page.rows) with ordinality as customer (value, position)
        where cast(customer.value ->> 0 as bigint) <> :customer_id
            or exists (select from amocrm.scan where scan.account_id = page.account_id and scan.started_at = page.started_at)
    ),
    '[]'
)
where account_id = :account_id
    and kind <> 'sizes'
    and exists (
        select from jsonb_array_elements(page.rows) as customer (value)
        where cast(customer.value ->> 0 as bigint) = :customer_id
    )

-- name: forget_in_stays
update members.stay
set customer_id = :random_id
where account_id = :account_id and customer_id = :customer_id

-- name: lock_forgotten
lock table members.forgotten in share row exclusive mode

-- name: insert_forgotten
insert into members.forgotten (account_id, id_hash, key_hash)
values (:account_id, :id_hash, :key_hash)
on conflict do nothing
