#!/bin/sh
# Run once by the postgres image, when its data folder is empty: a database each for the warehouse and for Dagster, whose
# roles cannot reach the other's. The warehouse's role may make roles, for its readers; 'migrate' lets those connect.
set -eu

# psql reads the passwords from the environment: arguments of a process are shown to every user of the machine.
export WAREHOUSE_PASSWORD DAGSTER_PASSWORD
psql --no-psqlrc --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres <<'SQL'
\getenv warehouse_password WAREHOUSE_PASSWORD
\getenv dagster_password DAGSTER_PASSWORD
create role warehouse login createrole password :'warehouse_password';
create role dagster login password :'dagster_password';
create database warehouse owner warehouse;
create database dagster owner dagster;
revoke all on database warehouse, dagster, postgres, template1 from public;
SQL
