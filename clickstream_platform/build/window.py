"""The silver events an hour of gold depends on: whole session chains, and earlier purchases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from clickstream_platform.build.workspace import Workspace
from clickstream_platform.hours import hour_key, shift
from clickstream_platform.storage import delta
from clickstream_platform.tables.facts import FACT_EVENTS
from clickstream_platform.tables.silver import SILVER_EVENTS
from clickstream_platform.transforms.orders import purchases, with_is_order
from clickstream_platform.transforms.robot_hours import robots_of
from clickstream_platform.transforms.sessions import with_sessions
from clickstream_platform.transforms.traffic_quality import bot_visitors_hourly

_MARGIN_HOURS = 2  # covers nearly all sessions; longer chains are followed hour by hour
_READ = (
    *(name for name in FACT_EVENTS.column_names if name not in ("session_id", "event_sequence")),
    *("user_agent", "reused_id_lines"),  # tell robots
    *("browser_name", "os_name"),  # of sessions
)


@dataclass(frozen=True)
class Reach:
    """The silver hours whose change can change an hour of gold."""

    first: str
    last: str
    linked: tuple[str, ...] = ()


@dataclass(frozen=True)
class Orders:
    """Purchases around all hours of a build with `is_order`, cached, and the hours that share an
    order number and customer."""

    purchases: DataFrame
    together: Sequence[Sequence[str]]

    def close(self) -> None:
        self.purchases.unpersist()


@dataclass(frozen=True)
class GoldWindow:
    """Events of the wanted hours and their neighbours, with sessions and order flags, and the
    wanted hours' `bot_visitors_hourly`; cached."""

    events: DataFrame
    purchases: DataFrame
    bots: DataFrame
    reaches: Mapping[str, Reach]
    later_links: Mapping[str, frozenset[str]]  # later hour -> wanted hours its repeats belong to
    loaded: tuple[str, ...]

    @property
    def robots(self) -> DataFrame:
        """One row per wanted hour and visitor that is a robot in it."""
        return robots_of(self.bots)

    def close(self) -> None:
        self.bots.unpersist()
        self.events.unpersist()


def open_window(
    workspace: Workspace,
    hours: Sequence[str],
    existing: Iterable[str],
    orders: Orders,
    *,
    version: int,
) -> GoldWindow:
    """Loads as many hours as it takes until every chain that touches `hours` is whole.

    Guarantees: reads back to each chain's start and forward to its end, in steps that double.
    """
    known = sorted(existing)
    margin = _MARGIN_HOURS
    while True:
        loaded = _within(known, hours, margin)
        events = _sessionised(workspace, loaded, orders.purchases, version=version).persist()
        reaches = _chain_reaches(events, hours, idle_s=workspace.limits.session_idle_s)
        missing = {
            hour
            for reach in reaches.values()
            for hour in known
            if reach.first <= hour <= reach.last and hour not in loaded
        }
        if not missing:
            break
        events.unpersist()
        margin *= 2
    linked, later = _order_links(orders.together, hours)
    complete = {
        hour: Reach(reach.first, reach.last, tuple(sorted(linked.get(hour, set()))))
        for hour, reach in reaches.items()
    }
    bots = bot_visitors_hourly(events.where(F.col("event_hour").isin([*hours]))).persist()
    return GoldWindow(events, orders.purchases, bots, complete, later, tuple(loaded))


def _within(known: Sequence[str], hours: Sequence[str], margin: int) -> list[str]:
    wanted = {shift(hour, step) for hour in hours for step in range(-margin, margin + 1)}
    return [hour for hour in known if hour in wanted]


def _read(workspace: Workspace, hours: Sequence[str], *, version: int) -> DataFrame:
    rows = delta.read_hours(workspace.spark, workspace.lake, SILVER_EVENTS, hours, version=version)
    return rows.select(*_READ)


def _sessionised(
    workspace: Workspace, hours: Sequence[str], flagged: DataFrame, *, version: int
) -> DataFrame:
    limits = workspace.limits
    events = with_sessions(
        _read(workspace, hours, version=version),
        idle_s=limits.session_idle_s,
        cap_s=limits.session_cap_s,
        campaign_cut=limits.campaign_cut,
    )
    orders = flagged.where("is_order").select("event_hour", "id_scope", "event_id", "is_order")
    joined = events.join(F.broadcast(orders), on=["event_hour", "id_scope", "event_id"], how="left")
    return joined.withColumn("is_order", F.coalesce("is_order", F.lit(False)))


def open_orders(
    workspace: Workspace, hours: Sequence[str], existing: Iterable[str], *, version: int
) -> Orders:
    """The orders of `hours`.

    Guarantees: reads back to the first purchase of each order in `hours` and forward to its last
        repeat, in steps that double.
    """
    known = sorted(existing)
    repeat_s = workspace.limits.order_repeat_s
    reach = -(-repeat_s // 3600)
    span = reach + _MARGIN_HOURS
    while True:
        first, last = shift(min(hours), -span), shift(max(hours), span)
        near = [hour for hour in known if first <= hour <= last]
        rows = purchases(_read(workspace, near, version=version))
        flagged = with_is_order(rows, repeat_s=repeat_s).persist()
        together = _hours_of_orders(flagged)
        ours = [order for order in together if not set(order).isdisjoint(hours)]
        beyond = [hour for hour in known if hour < first or hour > last]
        if not any(
            shift(order[0], -reach) <= hour <= shift(order[-1], reach)
            for order in ours
            for hour in beyond
        ):
            return Orders(flagged, together)
        flagged.unpersist()
        span *= 2


def _hours_of_orders(flagged: DataFrame) -> list[list[str]]:
    """The hours of each order number and customer that has purchases in several, in order."""
    per_key = (
        flagged.where(F.col("transaction_id").isNotNull())
        .groupBy("_order_key")
        .agg(F.collect_set("event_hour").alias("hours"))
        .where(F.size("hours") > 1)
        .select(F.array_sort("hours").alias("hours"))
        .distinct()
    )
    return [row["hours"] for row in per_key.toArrow().to_pylist()]


def _chain_reaches(events: DataFrame, hours: Sequence[str], *, idle_s: int) -> dict[str, Reach]:
    """Per wanted hour, from the earliest start to the latest end of the chains in it, each with
    the idle time in which a further event would join; at least the hour itself."""
    chains = (
        events.where(F.col("visitor_id").isNotNull())
        .groupBy("visitor_id", "chain_start")
        .agg(
            F.max("event_timestamp").alias("chain_end"),
            F.collect_set("event_hour").alias("hours"),
        )
    )
    per_hour = (
        chains.select("chain_start", "chain_end", F.explode("hours").alias("event_hour"))
        .where(F.col("event_hour").isin([*hours]))
        .groupBy("event_hour")
        .agg(_epoch(F.min("chain_start")).alias("first"), _epoch(F.max("chain_end")).alias("last"))
    )
    found = {row["event_hour"]: row for row in per_hour.toArrow().to_pylist()}
    idle = timedelta(seconds=idle_s)
    reaches = {}
    for hour in hours:
        row = found.get(hour)
        if row is None:
            reaches[hour] = Reach(hour, hour)
            continue
        first = datetime.fromtimestamp(row["first"] / 1e6, UTC) - idle
        last = datetime.fromtimestamp(row["last"] / 1e6, UTC) + idle
        reaches[hour] = Reach(hour_key(first), hour_key(last))
    return reaches


def _epoch(timestamp: Column) -> Column:
    return F.unix_micros(timestamp)


def _order_links(
    orders: Iterable[Sequence[str]], hours: Sequence[str]
) -> tuple[dict[str, set[str]], dict[str, frozenset[str]]]:
    """For each wanted hour the earlier hours its purchases may repeat, and the reverse."""
    linked: dict[str, set[str]] = {}
    later: dict[str, set[str]] = {}
    wanted = set(hours)
    for together in orders:
        for position, hour in enumerate(together):
            if hour in wanted:
                linked.setdefault(hour, set()).update(together[:position])
                for other in together[position + 1 :]:
                    later.setdefault(other, set()).add(hour)
    return linked, {hour: frozenset(owners) for hour, owners in later.items()}
