"""Dagster's web server as this project runs it: closed to other websites and to other users of the machine."""
