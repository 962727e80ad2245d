"""Postgres: connections, migrations, publishing and reading. No other package executes queries on the history."""
