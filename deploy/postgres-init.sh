#!/bin/sh
# Run once by the postgres image, when its data folder is empty: a database each for the warehouse and for Dagster, whose
# roles cannot reach the other's. The warehouse's role may make roles, for amocrm_reader.
set -eu

psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
    --set warehouse_password="$WAREHOUSE_PASSWORD" --set dagster_password="$DAGSTER_PASSWORD" <<'SQL'
create role warehouse login createrole password :'warehouse_password';
create role dagster login password :'dagster_password';
create database warehouse owner warehouse;
create database dagster owner dagster;
revoke connect on database dagster, postgres from public;
SQL
