-- name: delete_forgotten_of_account
delete from members.forgotten
where account_id = :account_id

-- name: delete_pages_of_account
delete from members.page
where account_id = :account_id

-- name: delete_stays_of_account
delete from members.stay
where account_id = :account_id

-- name: forget_in_pages
update members.page
set rows = (
    select jsonb_agg(
        case
            when cast(customer.value ->> 0 as bigint) = :customer_id then jsonb_set(customer.value, '{0}', to_jsonb(cast(:random_id as bigint)))
            else customer.value
        end
        order by customer.position
    )
    from jsonb_array_elements(page.rows) with ordinality as customer (value, position)
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

-- name: forgotten_hashes
select id_hash, key_hash
from members.forgotten
where account_id = :account_id

-- name: insert_forgotten
insert into members.forgotten (account_id, id_hash, key_hash)
values (:account_id, :id_hash, :key_hash)
on conflict do nothing
