"""What a stream leaves on disk: `<home>/state/stream/<source>/`, one small JSON file per fact."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from clickstream_platform.settings import Settings
from clickstream_platform.storage.owners import is_alive
from clickstream_platform.streaming.full_disk import is_full

DIED = "Its process died without a word: see the machine's log, for instance for lack of memory."
Phase = Literal["starting", "running", "stopped", "failed", "given_up"]


@dataclass(frozen=True)
class Heartbeat:
    """How the stream is. Times are UTC in ISO 8601; `owner` dies with the op's process.

    `stopped` means that somebody ended it on purpose. `failures` counts failures in a row at
    `position`, the offsets (or files) it could not get beyond, while brokers and engine were there;
    `outages` those in a row while they were not (`is_environment`: the last was one of these),
    which may last and is not the data's fault. An engine or a process that dies while lines wait
    counts as both: what was in work, from `reached` on, may have killed it. A life takes all over
    from the one before, until it has come through what waited. Of
    bronze it still needs the files of the versions after `bronze_version`; null if of none.
    `waiting_since`: lines have waited since then, and none was committed. `given_up`: hour -> what
    failed, of hours that the stream cannot build and leaves to others.
    """

    source: str
    phase: Phase
    run_id: str
    owner: str
    started_at: str
    beat_at: str
    committed_at: str | None = None
    lines: int = 0
    rejected: int = 0
    lag: int | None = None
    waiting_since: str | None = None
    rate: float = 0.0
    batch_s: float | None = None
    error: str | None = None
    failures: int = 0
    outages: int = 0
    is_environment: bool = False
    position: str | None = None
    reached: str | None = None
    bronze_version: int | None = None
    given_up: dict[str, str] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)

    def age_s(self, now: datetime) -> float:
        return (now - datetime.fromisoformat(self.beat_at)).total_seconds()

    def waited_s(self, now: datetime) -> float:
        """How long lines have waited without a commit; 0 if none waits."""
        if not self.lag or self.waiting_since is None:
            return 0.0
        return (now - datetime.fromisoformat(self.waiting_since)).total_seconds()

    def stood_s(self, now: datetime) -> float:
        """How long this life has had for lines that wait, also before it, without a commit."""
        lives_s = (now - datetime.fromisoformat(self.started_at)).total_seconds()
        return min(self.waited_s(now), lives_s)

    @property
    def in_a_row(self) -> int:
        """Failures that call for a pause before the next life."""
        return self.outages if self.is_environment else max(self.failures, self.outages)

    def is_alive(self, now: datetime, *, stale_after_s: float) -> bool:
        """True while it claims to run, its process lives, and it said so lately."""
        runs = self.phase in ("starting", "running") and is_alive(self.owner)
        return runs and self.age_s(now) <= stale_after_s


def begun(before: Heartbeat | None, **fields: Any) -> Heartbeat:
    """The first heartbeat of a life; what failed `before` it is not forgotten until it runs."""
    now = utc_now()
    first = Heartbeat(phase="starting", started_at=now, beat_at=now, **fields)
    if before is None:
        return first
    return replace(
        first,
        error=before.error if before.is_environment else None,
        failures=before.failures,
        outages=before.outages,
        is_environment=before.is_environment,
        position=before.position,
        waiting_since=before.waiting_since,
    )


def after_failure(beat: Heartbeat, position: str | None, *, is_outage: bool) -> Heartbeat:
    """The heartbeat with a failure at `position` counted; an outage tells nothing of a position."""
    if is_outage:
        return replace(beat, outages=beat.outages + 1, is_environment=True)
    failures = beat.failures + 1 if beat.position == position else 1
    return replace(beat, failures=failures, outages=0, is_environment=False, position=position)


def after_death(beat: Heartbeat, position: str | None) -> Heartbeat:
    """The heartbeat with the death of the engine or of the process counted.

    If lines waited it may be their fault; else it is an outage, which never ends in giving up.
    """
    if not beat.lag or position is None:
        return after_failure(beat, None, is_outage=True)
    told = after_failure(beat, position, is_outage=False)
    return replace(told, outages=beat.outages + 1)


def with_death(beat: Heartbeat | None) -> Heartbeat | None:
    """As it is, or with its death counted if it claims to live and its process is gone."""
    if beat is None or beat.phase not in ("starting", "running") or is_alive(beat.owner):
        return beat
    return replace(after_death(beat, beat.reached), error=DIED)


class StreamFolder:
    """The files of one stream."""

    def __init__(self, settings: Settings, source: str) -> None:
        self.path = settings.state / "stream" / source
        checkpoints = settings.stream.checkpoint_dir
        self.checkpoint = (checkpoints / source if checkpoints else self.path) / "checkpoint"

    def heartbeat(self) -> Heartbeat | None:
        found = self._read("heartbeat")
        return None if found is None else Heartbeat(**found)

    def beat(self, heartbeat: Heartbeat) -> Heartbeat:
        """Stores it with the time of now."""
        stamped = replace(heartbeat, beat_at=utc_now())
        self._write("heartbeat", asdict(stamped))
        return stamped

    def session_id(self) -> str | None:
        """The engine's session that the last query ran in, if it was not ended in good order."""
        found = self._read("session")
        return None if found is None else found["id"]

    def note_session(self, session_id: str | None) -> None:
        if session_id is None:
            (self.path / "session.json").unlink(missing_ok=True)
        else:
            self._write("session", {"id": session_id})

    def _read(self, name: str) -> dict[str, Any] | None:
        try:
            return json.loads((self.path / f"{name}.json").read_text())
        except FileNotFoundError:
            return None

    def _write(self, name: str, content: dict[str, Any]) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        target = self.path / f"{name}.json"
        unfinished = target.with_name(f"{target.name}.{os.getpid()}.tmp")
        try:
            unfinished.write_text(json.dumps(content))
            unfinished.replace(target)
        except OSError as error:
            unfinished.unlink(missing_ok=True)
            if not (is_full(error) and target.exists()):
                raise
            _overwrite(target, json.dumps(content).encode())


def _overwrite(path: Path, content: bytes) -> None:
    """Writes into the blocks that the file has: for a disk without room for a second file."""
    with path.open("r+b", buffering=0) as there:
        there.write(content.ljust(path.stat().st_size))  # what is left over is blank


def known_streams(settings: Settings) -> Iterator[Heartbeat]:
    """The newest heartbeat of every stream that ever ran in this home."""
    for folder in sorted((settings.state / "stream").glob("*/heartbeat.json")):
        found = StreamFolder(settings, folder.parent.name).heartbeat()
        if found is not None:
            yield found


def utc_now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
