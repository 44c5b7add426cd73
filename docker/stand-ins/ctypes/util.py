"""Stands in for `ctypes.util`, which starts programs of the image to find a library."""


def find_library(_name: str) -> None:
    """Find nothing."""
