"""Loads: fetch an account, publish its snapshot, and repeat that for a fleet."""
