"""The API of amoCRM: requests, responses and the records parsed from them.

No other package knows it.
"""
