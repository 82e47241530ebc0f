"""What a stream saw of its topics: `<home>/state/topics/<source>.json`, the brokers' own marks.

Offsets alone do not tell a topic that was made anew and filled beyond what bronze holds, nor where
a partition began of which bronze has nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from clickstream_platform.settings import Settings
from clickstream_platform.streaming.offsets import Partition, Seen, topic_of


class SeenPartitions:
    """The file of one source. It lies apart from the checkpoints, which may be lost at any time.

    Without it (a state folder that was lost, a home older than it) offsets are compared alone.
    """

    def __init__(self, settings: Settings, source: str) -> None:
        self._path = settings.state / "topics" / f"{source}.json"
        self._known = _read(self._path)

    def known(self) -> Mapping[str, Seen]:
        """Address -> what was seen of the partition."""
        return self._known

    def note(self, partitions: Mapping[str, Partition], committed: Mapping[str, int]) -> None:
        """Keeps what was seen first of a topic that bronze holds lines of, else what is there now.

        To be called before a line is read, and only after the offsets were found to fit.
        """
        held = {topic_of(address) for address in committed}
        noted = dict(self._known)
        for address, found in partitions.items():
            before = noted.get(address) if topic_of(address) in held else None
            if before is None:
                noted[address] = Seen(found.topic_id, found.low)
            elif before.topic_id is None:
                noted[address] = Seen(found.topic_id, before.start)
        if noted != self._known:
            _write(self._path, noted)
            self._known = noted


def _read(path: Path) -> dict[str, Seen]:
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    return {address: Seen(**seen) for address, seen in content.items()}


def _write(path: Path, noted: Mapping[str, Seen]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    unfinished.write_text(json.dumps({address: asdict(seen) for address, seen in noted.items()}))
    unfinished.replace(path)
