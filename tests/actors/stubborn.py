"""Does not let itself be terminated: says what it got instead, and waits on."""

import signal

signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
print("ready", flush=True)
while True:
    print(f"got {signal.Signals(signal.sigwait({signal.SIGTERM})).name}", flush=True)
