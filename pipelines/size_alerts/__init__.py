"""Telling of segments whose size changed: by which rules, what is told, in which words, and that it is told once."""
