"""Runs the `stream` job in this process, with one line of progress on the terminal."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

import dagster as dg
from rich.console import Console

from clickstream_platform.definitions import defs
from clickstream_platform.running.session import RunFailedError, Runs
from clickstream_platform.settings import Settings
from clickstream_platform.streaming.state import Heartbeat, StreamFolder

SHOW_EVERY_S = 2.0
_INTERRUPTS = (KeyboardInterrupt, dg.DagsterExecutionInterruptedError)
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def stream_here(settings: Settings, config: Mapping[str, object]) -> Heartbeat | None:
    """Streams until interrupted or for `for_s` seconds; the last heartbeat.

    Raises: RunFailedError naming the run and the error.
    """
    runs = Runs.open(settings)
    source = str(config["source"])
    folder = StreamFolder(settings, source)
    signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGINT))  # both end it in good order
    with _shown(folder, Console(stderr=True)), suppress(*_INTERRUPTS):
        result = defs.resolve_job_def("stream").execute_in_process(
            instance=runs.instance,
            tags={"clickstream/by": "cli", "clickstream/stream": source},
            raise_on_error=False,
            run_config={**_QUIET, "ops": {"stream_source": {"config": dict(config)}}},
        )
        if not result.success:
            raise _failure(source, result)
    return folder.heartbeat()


def _failure(source: str, result: dg.ExecuteInProcessResult) -> RunFailedError:
    said = "it was interrupted"
    for event in result.all_events:
        failure = event.step_failure_data if event.is_step_failure else None
        if failure is not None and failure.error is not None:
            said = (failure.error.cause or failure.error).message.strip()
    return RunFailedError(f"Run {result.run_id} (stream {source}) failed: {said}")


@contextmanager
def _shown(folder: StreamFolder, console: Console) -> Iterator[None]:
    """A line every few seconds while the body runs."""
    done = threading.Event()
    last: str | None = None

    def show() -> None:
        nonlocal last
        while not done.wait(SHOW_EVERY_S):
            heartbeat = folder.heartbeat()
            if heartbeat is not None and (words := as_line(heartbeat)) != last:
                last = words
                console.print(words, highlight=False)

    thread = threading.Thread(target=show, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        sys.stderr.flush()


def as_line(beat: Heartbeat) -> str:
    """The stream in one line."""
    lag = "unknown" if beat.lag is None else f"{beat.lag:,}"
    batch = "-" if beat.batch_s is None else f"{beat.batch_s:.1f} s"
    return (
        f"{beat.source}: {beat.phase}, {beat.lines:,} lines, {beat.rate:,.0f} a second, "
        f"lag {lag}, last batch {batch}"
    )
