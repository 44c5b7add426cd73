"""Invocations of the type `Event`, decided purely: their line, their attempts, and the records of their end."""
