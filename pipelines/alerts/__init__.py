"""Alerts on failed loads, changes and sizes, and their delivery to receivers."""
