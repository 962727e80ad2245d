-- Remember a view as ours.
insert into amocrm.schema_view (name, checksum)
values (:name, :checksum)
on conflict (name) do update set checksum = excluded.checksum
