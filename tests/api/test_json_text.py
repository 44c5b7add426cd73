import json
import shutil
import subprocess
import sysconfig
from collections.abc import Callable
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.api import json_text
from supervisor.lifecycle.invocation import Payload

SOURCE = Path(__file__).parents[2] / "docker" / "native" / "json_text.c"
INCLUDE = sysconfig.get_path("include")

IsJson = Callable[[Payload], bool]

VALID = (
    "0", "-0", "-1.5e+10", "1E5", "12", "true", "false", "null", '""', "[]", "{}", " [ ] ", "\t\r\n{ }\n",
    '"x"', '"\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9"', '"\\ud800"', '"ü€😀"', '"1234567ü"', '"eight ch"', '"\x7f"',
    '{"a":1,"b":[true,null,{"c":"d"}]}', '[1, 2 ,3]', '{"a" : 1}', "[" * 100 + "]" * 100,
)  # fmt: skip
INVALID = (
    "", " ", "01", "-", "1.", ".5", "1e", "+1", "tru", "nul", "True", "NaN", "Infinity", "-Infinity", '"', '"x', "'x'",
    '"\n"', '"\x00"', '"1234567\n"', '"\\x"', '"\\u12g4"', '"\\u123', '"\\', "[", "[1", "[1,", "[1,]", "[,]", "{",
    '{"a"', '{"a":', '{"a":1', '{"a":1,}', "{a:1}", '{"a" 1}', "[1 2]", "[]]", "1 2", "{]", "\v1", "\ufeff1", "[" * 100,
)  # fmt: skip
INVALID_BYTES = (
    b'"\x80"', b'"\xc0\x80"', b'"\xc1\xbf"', b'"\xc3"', b'"\xe0\x80\x80"', b'"\xe2\x82"', b'"\xed\xa0\x80"',
    b'"\xf0\x80\x80\x80"', b'"\xf4\x90\x80\x80"', b'"\xf5\x80\x80\x80"', b'"\xff"', b"\xc3\xbc", b'"\x00"',
)  # fmt: skip

DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
)


@pytest.fixture(scope="module", params=["python", "c"])
def is_json(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> IsJson:
    if request.param == "python":
        return json_text.is_json
    if shutil.which("cc") is None or not Path(INCLUDE, "Python.h").exists():
        pytest.skip("no C compiler, or no headers of Python")
    library = tmp_path_factory.mktemp("native") / "json_text.so"
    words = ["cc", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", f"-I{INCLUDE}", str(SOURCE), "-o", str(library)]
    subprocess.run(words, check=True)
    spec = spec_from_loader("json_text", ExtensionFileLoader("json_text", str(library)))
    assert spec is not None
    found: IsJson = module_from_spec(spec).is_json
    return found


@pytest.mark.parametrize("text", VALID)
def test_a_document_is_json(text: str, is_json: IsJson) -> None:
    assert is_json(text.encode())
    assert is_json(memoryview(bytearray(text.encode())))


@pytest.mark.parametrize("text", [*(text.encode() for text in INVALID), *INVALID_BYTES])
def test_anything_else_is_not(text: bytes, is_json: IsJson) -> None:
    assert not is_json(text)


def test_what_is_nested_too_deeply_is_not_surely_json(is_json: IsJson) -> None:
    assert not is_json(b"[" * 200_000 + b"]" * 200_000)


@given(value=DOCUMENTS, ascii_only=st.booleans(), indent=st.sampled_from([None, 1]))
def test_what_python_writes_is_json(value: object, ascii_only: bool, indent: int | None, is_json: IsJson) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode("utf-8", "replace")

    assert is_json(text)


@given(value=DOCUMENTS, data=st.data())
def test_whatever_is_taken_for_json_python_reads(value: object, data: st.DataObject, is_json: IsJson) -> None:
    text = bytearray(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    at = data.draw(st.integers(0, len(text)))
    text[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))

    if is_json(text):
        json.loads(text.decode(), parse_constant=pytest.fail)
