-- The server may not know a timezone that amoCRM and this program know: names depend on the version of its timezone
-- database, such as Europe/Kiev and Europe/Kyiv. One such account must not break a view for all others.

alter table amocrm.account add column database_timezone text;
comment on column amocrm.account.database_timezone is 'Another name of the account''s timezone, by which this server knows it. Null if the server knows the name in timezone, or no name of the zone.';

create function amocrm.known_timezone(names text[]) returns text
language plpgsql stable parallel unsafe
set search_path = pg_catalog, pg_temp
as $$
declare
    candidate text;
begin
    foreach candidate in array names loop
        begin
            perform pg_catalog.timezone(candidate, pg_catalog.now());
            return candidate;
        exception when others then null;
        end;
    end loop;
    return null;
end
$$;
comment on function amocrm.known_timezone(text[]) is 'The first of these timezones that the server knows. Null if it knows none.';

-- Views call it with the rights of the reader, who may use no other function of this schema. Parallel unsafe, because an
-- exception handler needs a subtransaction.
create function amocrm.local_date(instant timestamptz, names text[]) returns date
language plpgsql stable parallel unsafe
set search_path = pg_catalog, pg_temp
as $$
declare
    candidate text;
begin
    foreach candidate in array pg_catalog.array_remove(names, null) loop
        begin
            return pg_catalog.timezone(candidate, instant)::pg_catalog.date;
        exception when others then null;
        end;
    end loop;
    return pg_catalog.timezone('UTC', instant)::pg_catalog.date;
end
$$;
comment on function amocrm.local_date(timestamptz, text[]) is 'The day of an instant in the first of these timezones that the server knows; in UTC if it knows none.';
