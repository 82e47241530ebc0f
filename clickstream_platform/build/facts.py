"""The gold tables that daily marts and marts over all time are made from, read once for all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from clickstream_platform.build.inputs import days_before
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.hours import hours_of_day, shift_day
from clickstream_platform.storage import delta
from clickstream_platform.tables.catalog import BY_PATH
from clickstream_platform.tables.contract import DAY_COLUMN, Table
from clickstream_platform.tables.facts import FACT_EVENTS, FACT_SESSIONS, FACT_TRANSACTIONS
from clickstream_platform.tables.quality import BOT_VISITORS_HOURLY
from clickstream_platform.transforms.customers import customer_id
from clickstream_platform.transforms.limits import Limits
from clickstream_platform.transforms.robot_days import with_is_bot_on_day
from clickstream_platform.transforms.robot_hours import robots_of

_EVENT_COLUMNS = (
    *("event_hour", "id_scope", "event_id", "event_name", "event_timestamp", "visitor_id"),
    *("session_id", "event_sequence", "items", "value", "experiment_id", "variant_id"),
    *("user_id", "outcome"),
)


class Facts:
    """The inputs of some tables, each of the days these need; what several read is cached."""

    def __init__(self, workspace: Workspace, work: Mapping[Table, Sequence[str]]) -> None:
        """`work` names for each table the days to build; a table over all time reads all."""
        self._workspace = workspace
        self.limits = workspace.limits
        readers = Counter(path for table in work for path in table.inputs)
        self._rows: dict[str, DataFrame] = {}
        self._cached: list[DataFrame] = []
        for path, count in sorted(readers.items(), key=_robots_first):
            rows = self._prepared(BY_PATH[path], _days_to_read(path, work, self.limits))
            if count > 1:
                rows = rows.persist()
                self._cached.append(rows)
            self._rows[path] = rows

    def close(self) -> None:
        for rows in self._cached:
            rows.unpersist()

    def of(self, table: Table) -> DataFrame:
        """Its rows. Hourly tables have `event_day`, sessions and orders also `customer_id` and, if
        a table to build depends on robots, `is_bot_on_day`; orders `is_reported`."""
        return self._rows[table.path]

    @property
    def bots(self) -> DataFrame:
        """One row per day and visitor that is a robot in an hour of the day."""
        flagged = self.of(BOT_VISITORS_HOURLY).where("is_bot")
        return flagged.select(DAY_COLUMN, "visitor_id").distinct()

    @property
    def robots(self) -> DataFrame:
        """One row per hour and visitor that is a robot in it."""
        return robots_of(self.of(BOT_VISITORS_HOURLY))

    def _prepared(self, table: Table, days: Sequence[str] | None) -> DataFrame:
        rows = self._read(table, days)
        if not table.hourly:
            return rows
        if table is FACT_EVENTS:
            return rows.select(_day(), *_EVENT_COLUMNS)
        rows = rows.withColumn(DAY_COLUMN, _day())
        if table in (FACT_SESSIONS, FACT_TRANSACTIONS):
            rows = self._flagged(rows.withColumn("customer_id", customer_id()), days)
        if table is FACT_TRANSACTIONS:
            reporting = self.limits.reporting_currency
            ours = F.coalesce(F.col("currency") == reporting, F.lit(True))
            return rows.withColumn("is_reported", ours)
        return rows

    def _flagged(self, rows: DataFrame, days: Sequence[str] | None) -> DataFrame:
        if BOT_VISITORS_HOURLY.path not in self._rows:
            return rows
        few = self.bots if days is None else F.broadcast(self.bots)
        return with_is_bot_on_day(rows, few)

    def _read(self, table: Table, days: Sequence[str] | None) -> DataFrame:
        spark, lake = self._workspace.spark, self._workspace.lake
        hours = None if days is None else [hour for day in days for hour in hours_of_day(day)]
        # Without a version the engine would take what any session, also one that was killed, has
        # cached of the table, however old.
        version = delta.version(lake, table)
        rows = delta.read_partitions(spark, lake, table, hours, version=version)
        return with_all_columns(rows, table)


def with_all_columns(rows: DataFrame, table: Table) -> DataFrame:
    """The same rows; in a column that they are older than they have its `before`, else null."""
    there = {name: F.col(name) for name in rows.columns}
    late = {
        spec.name: F.coalesce(there.get(spec.name, F.lit(None)), F.lit(spec.before).cast(spec.type))
        for spec in table.columns
        if spec.name not in there or spec.before is not None
    }
    return rows.withColumns(late) if late else rows


def _robots_first(reader: tuple[str, int]) -> bool:
    return reader[0] != BOT_VISITORS_HOURLY.path


def _days_to_read(
    path: str, work: Mapping[Table, Sequence[str]], limits: Limits
) -> list[str] | None:
    """Every day of the input that reaches a wanted one; null for all there are."""
    readers = {table: days for table, days in work.items() if path in table.inputs}
    if any(table.is_snapshot for table in readers):
        return None
    return sorted(
        {
            shift_day(day, step)
            for table, days in readers.items()
            for day in days
            for step in range(-days_before(table, limits), table.days_after + 1)
        }
    )


def _day() -> Column:
    return F.substring("event_hour", 1, 10).alias(DAY_COLUMN)
