"""The streaming query: messages of Kafka become lines of bronze, by the transforms of batch."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from clickstream_platform.sources.model import Source
from clickstream_platform.streaming.plan import StreamPlan
from clickstream_platform.tables.bronze import BRONZE_EVENTS
from clickstream_platform.transforms.limits import Limits
from clickstream_platform.transforms.lines import with_home_hour
from clickstream_platform.transforms.sessions import typed


def kafka_lines(
    spark: SparkSession,
    plan: StreamPlan,
    source: Source,
    limits: Limits,
    *,
    starting_offsets: str,
    committed: Mapping[str, int],
    run_id: str,
) -> DataFrame:
    """The streaming lines that bronze lacks, in bronze's columns.

    Grain: one row per message. `committed` names the largest offset bronze holds of a partition.
    The ingest hour is the broker's, not before the first and not after the running hour.
    """
    messages = (
        spark.readStream.format("kafka").options(**plan.spark_options(starting_offsets)).load()
    )
    now = F.current_timestamp()  # on a stream: one moment for a whole batch
    lines = messages.select(
        F.lit(source.name).alias("source"),
        _address(plan).alias("source_file"),
        F.col("offset").alias("source_offset"),
        F.coalesce("value", F.lit(b"")).alias("raw"),  # a tombstone has no value
        F.lit(None).cast("string").alias("header"),
        F.lit(None).cast("string").alias("damage"),
        F.greatest(F.lit(limits.first_hour), F.least(_hour(now), _hour(F.col("timestamp")))).alias(
            "ingest_hour"
        ),
        F.col("timestamp").alias("enqueued_at"),
        now.alias("ingested_at"),
        F.lit(run_id).alias("run_id"),
    ).where(_is_new(committed))
    return typed(with_home_hour(lines, source, {}, limits), BRONZE_EVENTS)


def _address(plan: StreamPlan) -> Column:
    generation = plan.kafka.generation if plan.kafka else ""
    partition = F.col("partition").cast("string")
    return F.concat(F.col("topic"), F.lit("/"), partition, F.lit(f"@{generation}"))


def _hour(moment: Column) -> Column:
    return F.date_format(moment, "yyyy-MM-dd'T'HH")


def _is_new(committed: Mapping[str, int]) -> Column:
    held = [
        (F.col("source_file") == address) & (F.col("source_offset") <= last)
        for address, last in committed.items()
    ]
    return ~reduce(lambda one, other: one | other, held, F.lit(False))
