-- Names the reader of one account for a statement of the same transaction that takes no parameters.
select set_config('amocrm.reader_of_account', :name, true)
