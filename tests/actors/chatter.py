"""Writes what its arguments say, one write(2) for each: `out:TEXT`, `err:TEXT`, `hex:BYTES`, `long:COUNT`, and ends.

TEXT may hold `\\n`. `torn:NAME:COUNT` writes COUNT numbered lines of NAME, each in three pieces; `exit:N` and `kill:N`
end it.
"""

import os
import sys

OUT, ERR = 1, 2


def write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]


def write_torn(name: str, count: int) -> None:
    for number in range(count):
        for piece in (f"{name} ", f"{number} " + name * 20, f" {name}\n"):
            write_all(OUT, piece.encode())


for word in sys.argv[1:]:
    verb, _, rest = word.partition(":")
    text = rest.replace("\\n", "\n").encode()
    match verb:
        case "out":
            write_all(OUT, text)
        case "err":
            write_all(ERR, text)
        case "hex":
            write_all(OUT, bytes.fromhex(rest))
        case "long":
            write_all(OUT, b"x" * int(rest))
        case "torn":
            name, _, count = rest.partition(":")
            write_torn(name, int(count))
        case "exit":
            os._exit(int(rest))
        case "kill":
            os.kill(os.getpid(), int(rest))
