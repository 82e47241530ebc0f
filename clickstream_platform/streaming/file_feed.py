"""A stream's lines from landing files, as they appear."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

from pyspark.sql import SparkSession

from clickstream_platform.build.bronze import Ingested, build_bronze
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.storage.manifest import Waiting
from clickstream_platform.streaming.feed import Commit
from clickstream_platform.streaming.outage import is_lost
from clickstream_platform.streaming.plan import StreamPlan
from clickstream_platform.streaming.state import Heartbeat, utc_now


class FileFeed:
    """One source's landing files, claimed from the manifest like everybody does; ingested beside
    the loop, so many at a time, the oldest hours first."""

    def __init__(
        self, workspace: Workspace, plan: StreamPlan, before: Heartbeat | None, *, run_id: str
    ) -> None:
        del before  # the manifest tells where the life before ended
        self._workspace = workspace
        self._plan = plan
        self._run_id = run_id
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="files")
        self._round: Future[Ingested | None] | None = None
        self._began = 0.0
        self._last: Commit | None = None
        self._session: SparkSession | None = None
        self._is_ending = False

    def start(self) -> None:
        """Nothing to prepare."""

    def poll(self) -> Commit | None:
        """Raises: the engine's errors."""
        if self._round is not None and self._round.done():
            self._take(self._round.result())
            self._round = None
        is_due = time.monotonic() - self._began >= self._plan.options.trigger_s
        if self._round is None and is_due and not self._is_ending:
            self._began = time.monotonic()
            self._round = self._pool.submit(self._ingest)
        return self._last

    def _ingest(self) -> Ingested | None:
        self._workspace.look_at_landing()
        limit = self._plan.options.max_files_per_trigger
        hours = _first(self._workspace.manifest.waiting(self._plan.source), limit)
        if not hours:
            return None
        self._session = self._workspace.spark
        return build_bronze(
            self._workspace,
            hours,
            run_id=self._run_id,
            source=self._plan.source,
            max_files=limit,
        )

    def _take(self, ingested: Ingested | None) -> None:
        if ingested is not None:
            lines = sum(ingested.lines.values())
            self._last = Commit(
                lines=lines,
                total_lines=lines + (self._last.total_lines if self._last else 0),
                committed_at=utc_now(),
                seconds=round(time.monotonic() - self._began, 3),
                ingest_hours=tuple(ingested.lines),
            )

    def lag(self) -> int | None:
        """Files that are known and wait."""
        return self._workspace.manifest.counts(self._plan.source).get("seen", 0)

    def position(self) -> str | None:
        """How many files are done: it stays while those that wait fail, whatever comes to them."""
        counts = self._workspace.manifest.counts(self._plan.source)
        return str(sum(counts.get(status, 0) for status in ("committed", "unchanged", "failed")))

    def is_cut_off(self, error: Exception) -> bool:
        return is_lost(self._session, error)

    def noted_version(self) -> None:
        """The manifest tells what came in."""

    def catch_up(self) -> Callable[[], bool]:
        """Up to the files that are there now. A round may be in work: it only looks, then."""
        self._workspace.look_at_landing()
        manifest, source = self._workspace.manifest, self._plan.source
        return lambda: not manifest.waiting(source) and not manifest.counts(source).get("claimed")

    def stop(self) -> None:
        """Waits for the files in work: a file is one commit, and gets its note."""
        self._is_ending = True
        if self._round is not None:
            self._take(self._round.result())
            self._round = None

    def close(self) -> None:
        self._pool.shutdown(wait=True)


def _first(waiting: Mapping[str, Waiting], limit: int) -> list[str]:
    """The first hours that have `limit` files together: of others bronze need not be read."""
    hours: list[str] = []
    files = 0
    for hour in sorted(waiting):
        if files >= limit:
            break
        hours.append(hour)
        files += waiting[hour].files
    return hours
