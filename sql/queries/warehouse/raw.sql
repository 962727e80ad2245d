-- name: insert_raw_response
insert into amocrm.raw_answer (
    account_id, observed_at, load_id, sequence, resource, thing_id, page, pass_number, is_accepted,
    path, status, content_type, request_id, received_at, body_hash
)
values (
    :account_id, :observed_at, :load_id, :sequence, :resource, :thing_id, :page, :pass_number, :is_accepted,
    :path, :status, :content_type, :request_id, :received_at, :body_hash
)
on conflict (account_id, observed_at, load_id, sequence) do nothing

-- name: insert_raw_body
insert into amocrm.raw_body (account_id, body_hash, body, byte_count)
values (:account_id, :body_hash, :body, :byte_count)
on conflict (account_id, body_hash) do nothing

-- name: stored_bodies
-- Bodies of the list that are already stored.
select body_hash from amocrm.raw_body where account_id = :account_id and body_hash = any (cast(:body_hashes as bytea[]))

-- name: purge_raw_responses
delete from amocrm.raw_answer where account_id = :account_id and observed_at <= :until

-- name: purge_raw_bodies
-- Delete bodies that no response references any more.
delete from amocrm.raw_body as body
where body.account_id = :account_id
    and not exists (
        select from amocrm.raw_answer as answer
        where answer.account_id = body.account_id and answer.body_hash = body.body_hash
    )

-- name: raw_responses
select
    answer.sequence, answer.resource, answer.thing_id, answer.page, answer.pass_number, answer.is_accepted,
    answer.path, answer.status, answer.content_type, answer.request_id, answer.received_at, answer.body_hash,
    body.body
from amocrm.raw_answer as answer
join amocrm.raw_body as body using (account_id, body_hash)
where answer.account_id = :account_id and answer.observed_at = :observed_at and answer.load_id = :load_id
order by answer.sequence
