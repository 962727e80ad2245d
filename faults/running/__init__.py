"""Loads of running schedules, killed at random moments, while a reader looks at the views. ``__main__`` begins it."""
