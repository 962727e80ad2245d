"""Dagster definitions: assets, checks, jobs, schedules and sensors on top of ``pipelines``."""
