"""Base: errors, time, secrets, private files and text. Depends on no other package of ours."""
