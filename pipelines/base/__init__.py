"""Errors, time, secrets, private files and text: what every other package may use. It depends on nothing of ours."""
