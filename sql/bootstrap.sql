-- Schemas and tables that migrate needs before the first migration. Existing schemas are used as they are.

do $$
begin
    if to_regnamespace('amocrm') is null then
        create schema amocrm;
        comment on schema amocrm is 'History of amoCRM accounts as the pipeline stores it. Read it through the schema analytics.';
    end if;
    if to_regnamespace('analytics') is null then
        create schema analytics;
        comment on schema analytics is 'What analysts and dashboards read: views on the history of amoCRM accounts.';
    end if;
end
$$;

create table amocrm.schema_migration (
    version integer primary key check (version > 0),
    name text not null,
    checksum text not null,
    applied_at timestamptz not null default now()
);

comment on table amocrm.schema_migration is 'One row per migration applied to this database.';
comment on column amocrm.schema_migration.version is 'Number of the migration: they are applied in this order, each once.';
comment on column amocrm.schema_migration.name is 'Name of its file in sql/migrations.';
comment on column amocrm.schema_migration.checksum is 'SHA-256 of the file as it was applied, in hexadecimal. A file that was edited since is refused.';
comment on column amocrm.schema_migration.applied_at is 'When it was applied, by the database''s clock.';

create table amocrm.schema_view (
    name text primary key,
    checksum text not null,
    grants text[] not null default '{}'
);

comment on table amocrm.schema_view is 'One row per view that migrating made in the schema analytics: these, and no others, it may replace or drop.';
comment on column amocrm.schema_view.name is 'Name of the view, and of its file in sql/views.';
comment on column amocrm.schema_view.checksum is 'SHA-256 of the file that made it, in hexadecimal.';
comment on column amocrm.schema_view.grants is 'Rights that others were granted on it, while the view itself is dropped for being made anew.';
