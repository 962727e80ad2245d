-- What became of a call.
update amocrm.write_back
set ended_at = :ended_at, outcome = :outcome, status = :status, answer = :answer, request_id = :request_id, error = :error
where account_id = :account_id and call_id = :call_id
