"""How data moves: plain functions from amoCRM's answers to Postgres. Nothing here imports dagster."""
