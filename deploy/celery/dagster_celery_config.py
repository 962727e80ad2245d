"""Configuration of Celery workers. ``celery -A dagster_celery.app worker`` imports it from a folder on PYTHONPATH."""

import os

broker_url = os.environ["AMOCRM_CELERY_URL"]  # e.g. redis://:password@broker:6379/0
result_backend = broker_url

# A worker takes only tasks that it can start at once. Reserved tasks would wait for it, even if it dies.
worker_prefetch_multiplier = 1
# A new process for each run: memory does not grow, and settings are read again.
worker_max_tasks_per_child = 1
# A started task belongs to its worker. If the worker dies, Dagster decides about the run, not the broker.
task_acks_late = False
result_expires = 24 * 3600
broker_connection_retry_on_startup = True
