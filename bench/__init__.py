"""Measures the supervisor beside aws-lambda-rie: `python -m bench`, or `make bench`."""
