"""Scans of customers, with ids only: fetch, compare with the scan before, publish, forget."""
