"""A full disk, told by its words: apart, so that reading a heartbeat does not import Spark."""

from __future__ import annotations

import errno

_FULL = ("No space left on device", "Disk quota exceeded", "database or disk is full")


def is_full(error: BaseException | None) -> bool:
    """True if the disk had no room, for this process or for the engine."""
    while error is not None:
        if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
            return True
        if any(words in str(error) for words in _FULL):
            return True
        error = error.__cause__ or error.__context__
    return False
