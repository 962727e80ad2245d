insert into amocrm.raw_answer (
    account_id, observed_at, load_id, sequence, resource, thing_id, page, pass_number, is_accepted,
    path, status, content_type, request_id, received_at, body_hash
)
values (
    :account_id, :observed_at, :load_id, :sequence, :resource, :thing_id, :page, :pass_number, :is_accepted,
    :path, :status, :content_type, :request_id, :received_at, :body_hash
)
on conflict (account_id, observed_at, load_id, sequence) do nothing
