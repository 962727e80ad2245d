"""Postgres: connections, migrations, roles, and reading and publishing the history."""
