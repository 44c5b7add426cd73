"""What the bytes mean: requests become lifecycle events, outcomes become responses. No I/O, no clock."""
