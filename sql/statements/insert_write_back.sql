insert into amocrm.write_back
    (account_id, call_id, apply_id, position, intended_at, who, reason, source, restored_from, method, path, body)
values
    (:account_id, :call_id, :apply_id, :position, :intended_at, :who, :reason, :source, :restored_from, :method, :path, :body)
