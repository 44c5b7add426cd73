"""Compiles Python modules to one table of C with their code beside it, for `PyImport_FrozenModules`.

What goes in is said here; that it is the same bytes each time is the caller's part, who fixes the hash seed.
"""

import argparse
import ast
import marshal
import sys
from collections.abc import Iterator, Set
from pathlib import Path
from typing import Final, NamedTuple

ENCODINGS: Final = frozenset({"aliases", "ascii", "cp437", "idna", "latin_1", "punycode", "utf_8", "utf_8_sig"})
"""cp437 is for zipfile: names in archives that do not say that they are in UTF-8."""

PAGE: Final = ".html"
"""A file of the package that is no module becomes one, named after it, whose TEXT it is."""

NOT_HERE: Final = frozenset(
    {"_asyncio", "_main", "_tests", "django", "pytest_plugin", "test", "testing", "tests", "twisted"}
)
"""What packages bring along for tests, for another event loop, for other servers and for the command line."""

ALIGNMENT: Final = 16


class Module(NamedTuple):
    """One module to be frozen."""

    name: str
    file: Path
    is_package: bool


def modules_in(folder: Path, prefix: str = "", without: Set[str] = frozenset()) -> Iterator[Module]:
    """Every module below *folder*, a folder on the search path or a package named *prefix*."""
    for path in sorted(folder.iterdir()):
        name = path.name.removesuffix(".py")
        if path.suffix == PAGE:
            yield Module(f"{prefix}{path.stem}_html", path, is_package=False)
        if name in without or not name.isidentifier():
            continue
        if (path / "__init__.py").exists():
            yield from package(path, prefix + name)
        elif path.suffix == ".py" and name != "__init__":
            yield Module(prefix + name, path, is_package=False)


def package(folder: Path, name: str) -> Iterator[Module]:
    """The package *name* in *folder*, without what is not needed here."""
    yield Module(name, folder / "__init__.py", is_package=True)
    yield from modules_in(folder, f"{name}.", NOT_HERE)


def standard_library(folder: Path, left_out: Path) -> Iterator[Module]:
    """The standard library in *folder*, without the modules that the file *left_out* names."""
    lines = left_out.read_text().splitlines()
    names = {name for line in lines if not line.startswith("#") for name in line.split()}
    for module in modules_in(folder, without=names):
        parent, _, name = module.name.rpartition(".")
        if parent != "encodings" or name in ENCODINGS:
            yield module


def chosen(arguments: argparse.Namespace) -> list[Module]:
    """All modules by name; of two with the same name the stand-in."""
    found = list(standard_library(arguments.standard_library, arguments.left_out))
    for folder in arguments.packages:
        found += package(folder, folder.name) if (folder / "__init__.py").exists() else modules_in(folder)
    found += modules_in(arguments.stand_ins)
    by_name = {module.name: module for module in found}
    return [by_name[name] for name in sorted(by_name)]


class WithoutDocstrings(ast.NodeTransformer):
    """Leaves out the docstrings of modules and functions, which nothing reads here.

    Those of classes stay: `dataclass` and `email` do read them.
    """

    def leave_out(self, node: ast.Module | ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        """*node* without its docstring, and what is in it without theirs."""
        self.generic_visit(node)
        if ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.copy_location(ast.Pass(), node.body[0])]
        return node

    visit_Module = visit_FunctionDef = visit_AsyncFunctionDef = leave_out  # noqa: N815 -- so ast calls them


def frozen(module: Module) -> bytes:
    """The code of *module*, as `marshal` reads it. Its assertions stay in: they hold for the package, so here too."""
    source = module.file.read_bytes()
    if module.file.suffix == PAGE:
        source = f"TEXT = {source.decode()!r}\n".encode()
    tree = WithoutDocstrings().visit(ast.parse(source))
    return marshal.dumps(compile(tree, f"<frozen {module.name}>", "exec", dont_inherit=True, optimize=0))


def main() -> None:
    """Write `frozen.bin`, the code, and `frozen.h`, the rows that say where each module's lies."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--standard-library", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--left-out", type=Path, required=True, metavar="FILE")
    parser.add_argument("--packages", type=Path, nargs="+", required=True, metavar="FOLDER")
    parser.add_argument("--stand-ins", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER")
    arguments = parser.parse_args()

    code = bytearray()
    rows = []
    for module in chosen(arguments):
        compiled = frozen(module)
        rows.append(f'{{"{module.name}", frozen_code + {len(code)}, {len(compiled)}, {module.is_package:d}}},\n')
        code += compiled + bytes(-len(compiled) % ALIGNMENT)
    (arguments.output / "frozen.bin").write_bytes(code)
    (arguments.output / "frozen.h").write_text("".join(rows))
    sys.stdout.write(f"{len(rows)} modules, {len(code)} bytes\n")


main()
