"""The stream as a long-running Dagster op, and what it tells Dagster while it runs."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime

import dagster as dg

from clickstream_platform import run_tags
from clickstream_platform.assets.results import hour_materialization, hourly_checks
from clickstream_platform.automation.reaper import name_process
from clickstream_platform.build.report import CheckOutcome, HourReport, RuleCount, record_results
from clickstream_platform.hours import hour_key
from clickstream_platform.resources.lake import Lake
from clickstream_platform.storage import delta
from clickstream_platform.streaming.layers import HOUR_BUILDS
from clickstream_platform.streaming.loop import run_stream
from clickstream_platform.streaming.offsets import OffsetsError
from clickstream_platform.streaming.plan import plan_stream
from clickstream_platform.streaming.starting import note_failed_start
from clickstream_platform.streaming.state import Heartbeat
from clickstream_platform.tables.bronze import BRONZE_EVENTS

SOURCE_TAG = "clickstream/stream"


class StreamConfig(dg.Config):
    """What to stream; null takes it from the source's `kafka:` block and the settings."""

    source: str
    servers: str | None = None
    topics: list[str] | None = None
    trigger_s: float | None = None
    max_offsets_per_trigger: int | None = None
    for_s: float | None = None


class DagsterObserver:
    """Reports to Dagster: progress of bronze, and each hour that was built, but not too often."""

    def __init__(self, context: dg.OpExecutionContext, *, every_s: float) -> None:
        self._context = context
        self._every_s = every_s
        self._progress_at = 0.0
        self._reported_at = 0.0
        self._waiting: dict[tuple[str, str], HourReport] = {}

    def on_beat(self, heartbeat: Heartbeat) -> None:
        if time.monotonic() - self._progress_at >= self._every_s:
            self._progress_at = time.monotonic()
            self._context.log_event(_progress(heartbeat))
        if time.monotonic() - self._reported_at >= self._every_s:
            self.flush()

    def on_built(self, reports: Sequence[HourReport]) -> None:
        """Of an hour built several times since the last report, the newest state is told."""
        self._waiting |= {(report.table, report.hour): report for report in reports}

    def flush(self) -> None:
        self._reported_at = time.monotonic()
        instance, reports = self._context.instance, [*self._waiting.values()]
        for report in reports:
            if report.blocked_by == HOUR_BUILDS:
                continue  # nothing was built: only its check is told
            instance.report_runless_asset_event(hour_materialization(report))
        for event in hourly_checks(instance, reports):
            # Of this run: Dagster keeps one result an hour outside of runs, and refuses the next.
            self._context.log_event(event)  # type: ignore[arg-type]  # it is taken
        self._waiting = {}


@dg.op(tags={"kind": "spark"})
def stream_source(context: dg.OpExecutionContext, config: StreamConfig, lake: Lake) -> None:
    """Streams one source to bronze, silver and gold until it is terminated.

    A terminated run ends within seconds; the next one goes on where bronze ends.
    """
    name_process(context)
    observer = DagsterObserver(context, every_s=lake.settings.stream.report_s)
    with lake.building("stream", run_id=context.run_id) as workspace:
        given = config.model_dump(exclude_none=True)
        try:
            plan = plan_stream(
                workspace,
                config.source,
                servers=config.servers,
                topics=config.topics,
                trigger_s=config.trigger_s,
                max_offsets_per_trigger=config.max_offsets_per_trigger,
            )
        except Exception as error:
            if context.run.tags.get(run_tags.BY) == "stream_keeper":  # a person sees the error
                note_failed_start(lake.settings, config.source, context.run_id, given, error)
            raise
        try:
            run_stream(
                workspace,
                plan,
                run_id=context.run_id,
                observer=observer,
                for_s=config.for_s,
                config=given,
            )
        except OffsetsError as error:
            report = _broken(lake, config.source, error)
            record_results(lake.settings.lake, [report], run_id=context.run_id)
            observer.on_built([report])
            raise dg.Failure(str(error), allow_retries=False) from error
        finally:
            observer.flush()


@dg.job(
    name="stream",
    description="One source streamed from Kafka or landing files to gold, until terminated.",
    tags={"dagster/max_retries": "0"},  # the keeper restarts it, with back-off
)
def stream() -> None:
    stream_source()


def _progress(heartbeat: Heartbeat) -> dg.AssetObservation:
    numbers: dict[str, str | int | float | None] = {
        "source": heartbeat.source,
        "lines": heartbeat.lines,
        "lines_per_s": heartbeat.rate,
        "batch_s": heartbeat.batch_s,
        "lag": heartbeat.lag,
        "rejected": heartbeat.rejected,
        "committed_at": heartbeat.committed_at,
    }
    return dg.AssetObservation(
        asset_key=dg.AssetKey(BRONZE_EVENTS.key),
        metadata={name: value for name, value in numbers.items() if value is not None},
    )


def _broken(lake: Lake, source: str, error: OffsetsError) -> HourReport:
    """The failed check of bronze's running hour that makes lost offsets visible."""
    rule = RuleCount(error.rule, "block", 1, 1, str(error))
    return HourReport(
        table=BRONZE_EVENTS.path,
        hour=hour_key(datetime.now(UTC)),
        row_count=0,
        version=delta.version(lake.settings.lake, BRONZE_EVENTS),
        unchanged=True,
        checks=(CheckOutcome("contract", (rule,)),),
        blocked_by=error.rule,
        details={"source": source},
    )
