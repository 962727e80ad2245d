"""Check that every constraint of the warehouse rejects the rows that it exists to reject."""
