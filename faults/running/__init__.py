"""Loads of running schedules, killed at random moments while readers poll the views."""
