"""Embedded PostgreSQL server for the demo, the tests and a first look. Independent of amoCRM."""
