"""One aggregation over judged lines: counts, rules, profile and hashes in a single job."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from clickstream_platform.tables.rules import profile, violation_counts
from clickstream_platform.tables.silver import SILVER_EVENTS
from clickstream_platform.transforms.judge import ACCEPTED, QUARANTINED

# Sums of hashes stay far below 2^63 for any number of rows one hour can have.
_HASH_RANGE = 2**32
GROUP = ("event_hour", "ingest_hour", "source", "verdict", "reason_key", "warning_key")


def line_hash() -> Column:
    """Order-free hash of the lines' addresses."""
    return F.sum(F.pmod(F.xxhash64("source_file", "source_offset"), F.lit(_HASH_RANGE)))


def content_hash(columns: Iterable[str]) -> Column:
    """Order-free hash of the rows' `columns`."""
    return F.sum(F.pmod(F.xxhash64(*columns), F.lit(_HASH_RANGE)))


def summarise(judged: DataFrame, *, with_checks: bool) -> pa.Table:
    """One row per hour, ingest hour, source, verdict and set of reasons and warnings.

    Columns: `lines`, `line_hash`, `content_hash`, `max_event_at`; with checks also `broken_keys`,
    the good lines whose id does not have exactly one accepted line, and a count per rule
    (`rule__…`) and per null column (`null__…`) of silver/events, of use in accepted groups.
    """
    # The address stands for the bytes; the run is not content.
    hashed = [name for name in judged.columns if name not in ("raw", "run_id")]
    aggregates = [
        F.count(F.lit(1)).alias("lines"),
        line_hash().alias("line_hash"),
        content_hash(hashed).alias("content_hash"),
        F.max("event_timestamp").alias("max_event_at"),
    ]
    if with_checks:
        good = F.col("verdict") != QUARANTINED
        aggregates += [
            F.count_if(good & (F.col("accepted_of_id") != 1)).alias("broken_keys"),
            *violation_counts(SILVER_EVENTS),
            *profile(SILVER_EVENTS),
        ]
    accepted = F.col("verdict") == ACCEPTED
    keyed = judged.withColumn("reason_key", F.array_join("reasons", ",")).withColumn(
        "warning_key", F.when(accepted, F.array_join("warnings", ",")).otherwise(F.lit(""))
    )
    return keyed.groupBy(*GROUP).agg(*aggregates).toArrow()


def by_hour(groups: pa.Table) -> dict[str, list[Mapping[str, Any]]]:
    """The groups of each hour."""
    hours: dict[str, list[Mapping[str, Any]]] = {}
    for group in groups.to_pylist():
        hours.setdefault(group["event_hour"], []).append(group)
    return hours
