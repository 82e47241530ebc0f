"""Spark's daemon of Python workers, forked where everything is imported already.

The engine runs `python -m clickstream_platform.engine.python_daemon pyspark.worker` for each
session that calls Python, and every run is a session. To import what workers need takes 2 s; the
process of `engine/python_parent.py` has done that, and forks the daemon. This process, which
imports next to nothing, lends it its pipes and its environment and ends when it does. Without such
a parent this process becomes the daemon itself.
"""

from __future__ import annotations

import json
import os
import socket
import sys

PARENT = "CLICKSTREAM_PYTHON_PARENT"  # the variable that names the parent's socket
STANDARD = (0, 1, 2)
WORKER = "pyspark.worker"


def lend(place: str) -> bool:
    """Returns when the daemon has ended that took our pipes; False if nobody took them."""
    with socket.socket(socket.AF_UNIX) as asking:
        try:
            asking.connect(place)
            socket.send_fds(asking, [b"?"], STANDARD)
            asking.sendall(json.dumps(dict(os.environ)).encode())
            asking.shutdown(socket.SHUT_WR)
            if not asking.recv(1):
                return False
        except OSError:
            return False
        while asking.recv(1):
            pass
        return True


if __name__ == "__main__":
    # Other modules than Spark's worker speak other protocols.
    if sys.argv[1:] == [WORKER] and lend(os.environ.get(PARENT, "")):
        sys.exit(1)  # as a daemon that Spark or its own idleness ended
    from clickstream_platform.engine.python_parent import be_daemon, preload

    preload()
    be_daemon()
