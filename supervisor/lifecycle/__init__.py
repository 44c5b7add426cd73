"""Lambda's lifecycle as values: what has happened goes in, what has to be done comes out. No I/O, no clock."""
