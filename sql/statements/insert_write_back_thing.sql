insert into amocrm.write_back_thing (account_id, call_id, position, thing, action, thing_id, name, replaces_id)
values (:account_id, :call_id, :position, :thing, :action, :thing_id, :name, :replaces_id)
