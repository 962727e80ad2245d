"""Alerts about failed loads and changed sizes, sent to a webhook."""
