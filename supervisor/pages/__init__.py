"""The pages that a browser is shown, each a file beside this one.

The one file has no files beside its modules: there each page is a module `NAME_html`, as docker/steps/freeze.py says.
"""

from importlib import import_module
from pathlib import Path


def page(name: str) -> bytes:
    """The page *name*."""
    try:
        text = import_module(f"{__name__}.{name}_html").TEXT
    except ModuleNotFoundError:
        text = Path(__file__).with_name(f"{name}.html").read_text("utf-8")
    return bytes(text, "utf-8")
