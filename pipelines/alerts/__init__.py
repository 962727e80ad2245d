"""Alerts: failed loads and changed sizes, evaluated, worded and sent to a webhook."""
