"""The only code that knows Postgres: connecting, the embedded server, migrating, publishing and reading."""
