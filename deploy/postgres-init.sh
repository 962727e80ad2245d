#!/bin/sh
# Create databases for the warehouse and for Dagster, each with a role that cannot connect to the other. The postgres image
# runs this once, when its data folder is empty. The warehouse's role may create roles for readers; 'migrate' lets them
# connect.
set -eu

# psql reads the passwords from the environment, because every user of the machine can see a process's arguments.
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
