"""The execution environment of AWS Lambda, outside AWS: a supervisor for a function and its extensions."""

__version__ = "0.1.0"
