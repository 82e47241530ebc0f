"""Delta tables as Arrow datasets, kept as long as no commit changes them.

Making a dataset of a table costs a millisecond for every few of its files, each time; a dashboard
opens the same tables at every click.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

import pyarrow.dataset as ds
from deltalake import DeltaTable

MOST_KEPT = 128


def dataset(location: Path, version: int | None = None) -> ds.Dataset:
    """The table at `location` as Arrow sees it, at its newest version or an older one."""
    return _opened(str(location), version, newest_commit(location))


def newest_commit(location: Path) -> tuple[str, int, int]:
    """Name, inode and time of the newest file of the Delta log: another with every commit.

    A table that was removed and made anew has another inode or time under the same name.
    """
    try:
        with os.scandir(location / "_delta_log") as entries:
            newest = max((e.name for e in entries if e.name[0].isdigit()), default=None)
    except FileNotFoundError:
        newest = None
    if newest is None:
        return "-", 0, 0
    info = (location / "_delta_log" / newest).stat()
    return newest, info.st_ino, info.st_mtime_ns


@lru_cache(maxsize=MOST_KEPT)
def _opened(location: str, version: int | None, newest: tuple[str, int, int]) -> ds.Dataset:
    del newest  # part of the key only
    return DeltaTable(location, version=version).to_pyarrow_dataset()
