"""Behaviour of an account's API where the vendor's documentation is silent, found out by reading only."""
