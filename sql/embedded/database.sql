-- Create the database of a new embedded server. Runs once in single-user mode, before the server first accepts connections.
create database warehouse owner warehouse;

