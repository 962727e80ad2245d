"""The report: an account's history as one page that needs nothing else. Figures in, HTML out; no file is written."""
