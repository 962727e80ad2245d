-- A call whose answer was lost turned out to have happened.
update amocrm.write_back
set ended_at = coalesce(ended_at, :ended_at), outcome = 'done'
where account_id = :account_id and call_id = :call_id and outcome = 'uncertain'
