"""Lines that an append sets aside: a rebuild decides them, since the accepted line changes with it.

A line is in dispute if it sorts before the accepted one of its id, or is another payload of it; so
is then every other line of that id that competes with these.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from clickstream_platform.build.hour_summary import BronzeCount
from clickstream_platform.build.silver_lines import SilverBuild
from clickstream_platform.build.summary import line_hash
from clickstream_platform.storage import delta
from clickstream_platform.tables.silver import SILVER_EVENTS
from clickstream_platform.transforms.judge import ACCEPTED, QUARANTINED

_ID = ("event_hour", "id_scope", "event_id")
_ORDER = ("event_timestamp", "event_fingerprint", "source_file", "source_offset")
_MARK = "_is_disputed"

Id = tuple[str, str, str]  # event_hour, id_scope, event_id


def payloads(judged: DataFrame) -> pa.Table:
    """The first line of each payload among the judged ones, by id, in what decides the order."""
    is_first = (F.col("verdict") == ACCEPTED) | F.col("winner_fingerprint").isNotNull()
    return judged.where(is_first).select(*_ID, *_ORDER).toArrow()


def accepted_before(build: SilverBuild, new: pa.Table) -> pa.Table:
    """The accepted lines whose ids come again among the new ones; opens only narrow columns."""
    found = delta.read_arrow(
        build.workspace.lake,
        SILVER_EVENTS,
        hours=build.hours,
        columns=[*_ID, *_ORDER],
        where=pc.field("event_id").isin(pc.unique(new["event_id"])),
    )
    return found.join(new.select(list(_ID)), keys=list(_ID), join_type="left semi")


def ids_of(rows: pa.Table) -> set[Id]:
    """The ids that the rows have, each with its hour and scope."""
    return set(zip(*(rows[name].to_pylist() for name in _ID), strict=True))


def disputed_ids(new: pa.Table, accepted: pa.Table) -> set[Id]:
    """Ids with a new line that sorts before the accepted one, or is no copy of it."""
    before = {tuple(row[name] for name in _ID): row for row in accepted.to_pylist()}
    if not before:
        return set()
    disputed: set[Id] = set()
    for line in new.to_pylist():
        hour, scope, name = (line[column] for column in _ID)
        old = before.get((hour, scope, name))
        if old is None:
            continue
        is_copy = line["event_fingerprint"] == old["event_fingerprint"]
        if not is_copy or [line[column] for column in _ORDER] < [old[column] for column in _ORDER]:
            disputed.add((hour, scope, name))
    return disputed


def set_aside(
    build: SilverBuild, judged: DataFrame, disputed: set[Id]
) -> tuple[DataFrame, Mapping[str, BronzeCount]]:
    """The judged lines without those that compete for `disputed` ids, and by hour how many it left
    out."""
    if not disputed:
        return judged, {}
    columns = [pa.array(column, pa.string()) for column in zip(*sorted(disputed), strict=True)]
    ids = build.workspace.spark.createDataFrame(pa.table(columns, names=list(_ID)))
    marked = judged.join(F.broadcast(ids.withColumn(_MARK, F.lit(True))), on=list(_ID), how="left")
    competes = (F.col("verdict") != QUARANTINED) | F.col("winner_fingerprint").isNotNull()
    waits = F.coalesce(_MARK, F.lit(False)) & competes
    counted = (
        marked.where(waits)
        .groupBy("event_hour")
        .agg(F.count(F.lit(1)).alias("lines"), line_hash().alias("line_hash"))
        .toArrow()
    )
    left = {
        row["event_hour"]: BronzeCount(row["lines"], row["line_hash"])
        for row in counted.to_pylist()
    }
    return marked.where(~waits).select(*judged.columns), left
