-- The database of a new embedded server. Run once in single-user mode, before the server is there for anybody.
create database warehouse owner warehouse;

