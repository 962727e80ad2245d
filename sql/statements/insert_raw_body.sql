insert into amocrm.raw_body (account_id, body_hash, body, byte_count)
values (:account_id, :body_hash, :body, :byte_count)
on conflict (account_id, body_hash) do nothing
