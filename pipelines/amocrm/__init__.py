"""amoCRM's API: requests, responses and the records parsed from them."""
