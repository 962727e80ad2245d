"""Settings: accounts, database, limits and alert rules, parsed from the environment, .env and accounts.toml."""
