"""The home as Prometheus metrics, computed when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, write_to_textfile
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from clickstream_platform.maintenance import notes
from clickstream_platform.maintenance.plan import crowded_partitions, small_share
from clickstream_platform.monitoring.rules import RULES, checked
from clickstream_platform.operations.freshness import freshness
from clickstream_platform.operations.status import home_status
from clickstream_platform.queries.lake import Lake
from clickstream_platform.queries.named import find
from clickstream_platform.settings import Settings
from clickstream_platform.storage import delta, upkeep
from clickstream_platform.tables.catalog import ALL
from clickstream_platform.tables.costs import COST_HOURLY

# Metric -> what `clickstream status` calls it, and help. A name with "hours" in it would be a time.
_TABLE_GAUGES = {
    "rows": ("rows", "Rows of the table."),
    "files": ("files", "Data files in force."),
    "size_bytes": ("size_bytes", "Bytes of the data files in force."),
    "red_partitions": ("red_hours", "Hours or days with a failed blocking rule."),
    "blocked_partitions": ("blocked_hours", "Hours or days whose rows a check holds back."),
}
_HEALTH_GAUGES = {
    "small_file_share": "Share of small files among those beyond one a partition.",
    "crowded_partitions": "Closed hours (or days, or logs) that want compaction.",
    "commits_since_checkpoint": "Commits in the log behind the newest Delta checkpoint.",
}
_LANDING = ("unseen", "waiting", "claimed", "committed", "unchanged", "failed")
_FATES = ("lines", "accepted", "duplicates", "quarantined", "pending", "unaccounted")


class HomeCollector:
    """Gives the metrics of one home at each scrape; reads Delta logs and small tables only."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def collect(self) -> Iterator[Metric]:
        """Every metric as it is now."""
        now = datetime.now(UTC)
        yield from self._of_status()
        yield from self._of_health(now)
        yield from self._of_lines()
        yield from self._of_costs()
        yield from self._of_freshness(now)
        standing = _gauge("alerts_standing", "Alerts that hold, by rule.", "rule")
        for rule in RULES:
            standing.add_metric([rule.__name__], len(checked(rule, self._settings, now)))
        yield standing

    def _of_status(self) -> Iterator[Metric]:
        status = home_status(self._settings)
        for name, (field, words) in _TABLE_GAUGES.items():
            metric = _gauge(f"table_{name}", words, "table")
            for table in status.tables:
                metric.add_metric([table.table], getattr(table, field))
            yield metric
        landing = _gauge("landing_files", "Landing files by state.", "state")
        for state in _LANDING:
            landing.add_metric([state], getattr(status.landing, f"{state}_files"))
        yield landing
        engine = _gauge("engine_up", "1 while the engine runs.")
        engine.add_metric([], float(status.engine.get("state") == "running"))
        yield engine
        alive = _gauge("stream_up", "1 while the stream beats.", "source")
        lag = _gauge("stream_lag_lines", "Lines that wait for the stream.", "source")
        for stream in status.streams:
            alive.add_metric([stream.source], float(stream.is_alive))
            if stream.lag is not None:
                lag.add_metric([stream.source], stream.lag)
        yield from (alive, lag)
        if status.dagster is not None:
            daemon = _gauge("daemon_up", "1 while Dagster's daemon beats.")
            daemon.add_metric([], float(status.dagster.daemon_is_alive))
            yield daemon
            runs = _gauge("runs_unfinished", "Dagster runs that have not ended.")
            runs.add_metric([], status.dagster.unfinished_runs)
            yield runs

    def _of_health(self, now: datetime) -> Iterator[Metric]:
        """What `clickstream maintain` would look at; by the Delta logs alone."""
        options = self._settings.maintenance
        gauges = {
            name: _gauge(f"table_{name}", words, "table") for name, words in _HEALTH_GAUGES.items()
        }
        for table in ALL:
            if delta.exists(self._settings.lake, table):
                files = upkeep.data_files(self._settings.lake, table)
                crowded = crowded_partitions(table, files, options, now=now)
                log = upkeep.log_facts(self._settings.lake, table)
                values = (small_share(files, options), len(crowded), log.commits_since_checkpoint)
                for gauge, value in zip(gauges.values(), values, strict=True):
                    gauge.add_metric([table.path], value)
        yield from gauges.values()
        vacuumed = _gauge("table_vacuumed_timestamp_seconds", "When it was vacuumed last.", "table")
        for path, note in notes.read(self._settings.state).items():
            if note.vacuumed_at is not None:
                moment = datetime.fromisoformat(note.vacuumed_at)
                vacuumed.add_metric([path], moment.timestamp())
        yield vacuumed

    def _of_lines(self) -> Iterator[Metric]:
        metric = _gauge(
            "lines", "Lines by source and fate; unaccounted must be 0.", "source", "fate"
        )
        question = find("ledger")
        with Lake(self._settings) as lake:
            if "ops.conservation_ledger" in lake.tables:
                for row in lake.rows(question.sql, question.values({})):
                    for fate in _FATES:
                        metric.add_metric([str(row["source"]), fate], float(str(row[fate])))
        yield metric

    def _of_costs(self) -> Iterator[Metric]:
        """Counters: what all builds on record took."""
        question = find("costs")
        cpu = CounterMetricFamily(
            "clickstream_table_cpu_seconds", "CPU seconds of its builds.", labels=["table"]
        )
        written = CounterMetricFamily(
            "clickstream_table_written_bytes", "Bytes its builds wrote.", labels=["table"]
        )
        with Lake(self._settings) as lake:
            if COST_HOURLY.sql_name in lake.tables:
                for row in lake.rows(question.sql, question.values({})):
                    cpu.add_metric([str(row["table"])], float(str(row["cpu_s"])))
                    written.add_metric([str(row["table"])], float(str(row["written_bytes"])))
        yield from (cpu, written)

    def _of_freshness(self, now: datetime) -> Iterator[Metric]:
        metric = _gauge("data_through_timestamp_seconds", "Newest event of the table.", "table")
        for found in freshness(self._settings, now=now):
            if found.data_through is not None:
                metric.add_metric([found.table], found.data_through.timestamp())
        yield metric


def registry(settings: Settings) -> CollectorRegistry:
    """A registry with the home's metrics and nothing else."""
    found = CollectorRegistry()
    found.register(_collector(settings))
    return found


def write(settings: Settings, path: Path) -> None:
    """A file for node_exporter's textfile collector; it appears whole."""
    write_to_textfile(str(path), registry(settings))


def _collector(settings: Settings) -> Any:
    return HomeCollector(settings)  # the client wants only `collect`


def _gauge(name: str, words: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"clickstream_{name}", words, labels=labels)
