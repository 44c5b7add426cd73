"""Holds as many MiB of memory as its argument says, prints `ready` and waits. At SIGUSR1 `then:N` adds N MiB."""

import signal
import sys

MEBIBYTE = 1024 * 1024

signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
held = [b"x" * (int(sys.argv[1]) * MEBIBYTE)]
print("ready", flush=True)
for word in sys.argv[2:]:
    signal.sigwait({signal.SIGUSR1})
    held.append(b"x" * (int(word.removeprefix("then:")) * MEBIBYTE))
    print("ready", flush=True)
while True:
    signal.pause()
