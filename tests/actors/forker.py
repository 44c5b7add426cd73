"""Leaves an orphan behind, outside of its session and group, prints the orphan's pid and exits with code 3.

The orphan ignores SIGTERM and keeps standard output open. With `exit:N` as argument it does not wait to be killed but
exits with code N at once.
"""

import os
import signal
import sys

own_end, orphans_end = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.close(own_end)
        print(os.getpid(), flush=True)
        os.close(orphans_end)
        if sys.argv[1:]:
            os._exit(int(sys.argv[1].removeprefix("exit:")))
        while True:
            signal.pause()
    os._exit(0)
os.wait()
os.close(orphans_end)
os.read(own_end, 1)
os._exit(3)
