"""A job whose run tells where it is and stays until it is let go."""

import json
import os
import time
from pathlib import Path

import dagster as dg

from clickstream_platform.settings import settings

LONGEST_S = 120


class Told(dg.Config):
    """Where the run writes what it knows; it goes on until `until` exists."""

    place: str
    until: str | None = None


@dg.op
def tell(config: Told) -> None:
    knows = {"pid": os.getpid(), "parent": os.getppid(), "first_hour": settings().first_hour}
    unfinished = Path(f"{config.place}.tmp")
    unfinished.write_text(json.dumps(knows))
    unfinished.rename(config.place)
    for _ in range(LONGEST_S * 10):
        if config.until is None or Path(config.until).exists():
            return
        time.sleep(0.1)
    raise TimeoutError("nobody let the run go on")


@dg.job(executor_def=dg.in_process_executor)
def telling() -> None:
    tell()
