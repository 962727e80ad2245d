"""What an account's API does where the vendor's documentation is silent: found out by reading only."""
