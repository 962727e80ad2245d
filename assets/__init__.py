"""What exists, as Dagster shows it. How data move is the work of ``pipelines``, which knows nothing of Dagster."""
