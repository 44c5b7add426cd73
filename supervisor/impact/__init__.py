"""What each extension adds to a function: the same events with it and without it, interleaved, side by side.

A tool for a developer's machine. Nothing that supervises imports it.
"""
