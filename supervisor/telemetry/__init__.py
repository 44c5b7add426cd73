"""What is told of an environment's life. No I/O, no clock."""
