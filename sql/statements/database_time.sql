-- What time it is by Postgres' clock.
select now()
