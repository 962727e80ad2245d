"""Fuzzing of what reads amoCRM's answers: whatever bytes go in, nothing but a value or an error of ours comes out."""
