-- Forget a view that is no longer part of the program.
delete from amocrm.schema_view
where name = :name
