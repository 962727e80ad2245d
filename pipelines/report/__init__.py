"""Report on an account's history as one HTML page, CSV or Parquet, read from the views."""
