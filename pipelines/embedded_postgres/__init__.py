"""A PostgreSQL server of our own for the demo, the tests and a first look.

It knows nothing of amoCRM.
"""
