"""How Celery's workers work. ``celery -A dagster_celery.app worker`` reads it from the folder that PYTHONPATH names."""

import os

broker_url = os.environ["AMOCRM_CELERY_URL"]  # e.g. redis://:password@broker:6379/0
result_backend = broker_url

# A worker takes what it can begin at once. What it has reserved would wait with it, also if it dies.
worker_prefetch_multiplier = 1
# A new process for each run: nothing grows, and settings are read anew.
worker_max_tasks_per_child = 1
# A task that was begun belongs to its worker. If that dies Dagster says what becomes of the run, not the broker.
task_acks_late = False
result_expires = 24 * 3600
broker_connection_retry_on_startup = True
