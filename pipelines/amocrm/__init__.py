"""The only code that knows amoCRM's API: requests, what answers mean, and records read from them."""
