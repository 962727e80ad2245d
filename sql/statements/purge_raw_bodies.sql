-- A body goes with the last answer that needs it.
delete from amocrm.raw_body as body
where body.account_id = :account_id
    and not exists (
        select from amocrm.raw_answer as answer
        where answer.account_id = body.account_id and answer.body_hash = body.body_hash
    )
