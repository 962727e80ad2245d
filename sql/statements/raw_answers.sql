select
    answer.sequence, answer.resource, answer.thing_id, answer.page, answer.pass_number, answer.is_accepted,
    answer.path, answer.status, answer.content_type, answer.request_id, answer.received_at, answer.body_hash,
    body.body
from amocrm.raw_answer as answer
join amocrm.raw_body as body using (account_id, body_hash)
where answer.account_id = :account_id and answer.observed_at = :observed_at and answer.load_id = :load_id
order by answer.sequence
