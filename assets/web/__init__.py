"""Dagster's web server, closed to other websites and to other users of the machine."""
