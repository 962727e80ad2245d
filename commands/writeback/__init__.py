"""Shared parts of the commands that read or change accounts."""
