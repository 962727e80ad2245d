"""Diff of a snapshot against the stored state, and the rows it adds as pandas frames."""
