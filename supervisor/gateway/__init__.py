"""From an exchange to the environment and back.

What a request means is `api`'s business, what follows from it the environment's.
"""
