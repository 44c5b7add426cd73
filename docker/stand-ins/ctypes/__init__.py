"""Stands in for `ctypes`: a static program cannot load a library, and so there is none to call.

trio asks it for a way to name threads, and does without one.
"""


class CDLL:
    """A library that cannot be loaded.

    Raises:
        OSError: Always.
    """

    def __init__(self, name: str | None, *_arguments: object, **_options: object) -> None:
        raise OSError(f"{name or 'the C library'}: a static program cannot load libraries")
