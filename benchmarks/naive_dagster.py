"""The set-up most people begin with: Dagster as it comes, Spark as it comes, MERGE everywhere.

    python -m benchmarks.naive_dagster LANDING OUT

The default (multiprocess) executor, so a process and a Spark session for every step; a run per
hour and layer; every write a MERGE on the key; Delta's and Spark's default settings. What it
computes is the bare job's code, so that only the set-up differs, and the rows are equal: an hour's
silver waits for all bronze (late lines), an hour's gold for all silver. It reads the hour and a day
on either side, as one would who knows how long a session can be (an order repeated after more days
would count twice; so few hours have none).
"""

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import dagster as dg
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from benchmarks import bare_gold, bare_spark
from clickstream_platform.hours import shift

HOURLY = dg.HourlyPartitionsDefinition(start_date="2024-11-01-00:00", timezone="UTC")
LANDING, OUT = "NAIVE_LANDING", "NAIVE_OUT"
NEIGHBOURS = 24
KEYS = {
    "bronze/events": ("ingest_hour", "source_file", "source_offset"),
    "silver/events": ("event_hour", "event_id"),
    "silver/duplicates": ("event_hour", "source_file", "source_offset"),
    "silver/quarantine": ("event_hour", "source_file", "source_offset"),
    "gold/fact_events": ("event_hour", "event_id"),
    "gold/fact_sessions": ("event_hour", "session_id"),
    "gold/fact_transactions": ("event_hour", "order_id"),
    "gold/transaction_conflicts": ("event_hour", "event_id"),
    "gold/revenue_5min": (
        *("event_hour", "window_start", "traffic", "currency", "item_category", "item_id"),
    ),
    "gold/funnel_10min": ("event_hour", "window_start", "traffic", "unit", "mode", "step_no"),
    "gold/funnel_hourly": ("event_hour", "traffic", "mode", "step_no"),
    "gold/hourly_metrics": ("event_hour", "traffic"),
    "gold/bot_visitors_hourly": ("event_hour", "visitor_id"),
}


def session() -> SparkSession:
    bare_spark.use_this_python()
    jars = ":".join(str(path) for path in sorted(bare_spark.JARS.glob("*.jar")))
    return (
        SparkSession.builder.master("local[*]")
        .appName("naive")
        .config("spark.driver.memory", "3g")
        .config("spark.driver.extraClassPath", jars)
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
        .config(
            "spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog"
        )
        .getOrCreate()
    )


def key_of(context: dg.AssetExecutionContext) -> str:
    return context.partition_key[:13].replace("-", "T").replace("T", "-", 2)


def merge(rows: DataFrame, path: str) -> None:
    """Inserts new keys, updates known ones; the first call makes the table."""
    from delta.tables import DeltaTable  # noqa: PLC0415 (needs a session's JVM)

    place, keys = str(Path(os.environ[OUT]) / path), KEYS[path]
    spark = rows.sparkSession
    if not DeltaTable.isDeltaTable(spark, place):
        rows.write.format("delta").partitionBy(keys[0]).save(place)
        return
    same = " AND ".join(f"t.{key} <=> s.{key}" for key in keys)
    (
        DeltaTable.forPath(spark, place)
        .alias("t")
        .merge(rows.alias("s"), same)
        .whenMatchedUpdateAll()
        .whenNotMatchedInsertAll()
        .execute()
    )


def stored(spark: SparkSession, path: str) -> DataFrame:
    return spark.read.format("delta").load(str(Path(os.environ[OUT]) / path))


@dg.asset(partitions_def=HOURLY)
def bronze(context: dg.AssetExecutionContext) -> None:
    """The hour's landing files."""
    spark, hour = session(), key_of(context)
    received = bare_spark.lines(spark, Path(os.environ[LANDING]), hours=f"{hour}*")
    merge(bare_spark.bronze(received), "bronze/events")


@dg.asset(partitions_def=HOURLY, deps=[bronze])
def silver(context: dg.AssetExecutionContext) -> None:
    """The hour's lines, judged."""
    spark, hour = session(), key_of(context)
    lines = stored(spark, "bronze/events").where(F.col("home_hour") == hour)
    judged = bare_spark.judge(bare_spark.parsed(lines)).persist()
    for name, columns, verdict in (
        ("events", bare_spark.EVENTS, "accepted"),
        ("duplicates", bare_spark.DUPLICATES, "duplicate"),
        ("quarantine", bare_spark.QUARANTINE, "quarantined"),
    ):
        merge(judged.where(F.col("verdict") == verdict).select(*columns), f"silver/{name}")


def around(hour: str) -> tuple[str, str]:
    """The first and last hour an hour's gold is made from: a session lasts a day at most."""
    return shift(hour, -NEIGHBOURS), shift(hour, NEIGHBOURS)


@dg.asset(partitions_def=HOURLY, deps=[silver])
def gold(context: dg.AssetExecutionContext) -> None:
    """The hour's facts and marts, from its silver and that of the hours around it."""
    spark, hour = session(), key_of(context)
    near = stored(spark, "silver/events").where(F.col("event_hour").between(*around(hour)))
    tables = bare_gold.tables(near.select(*bare_gold.READ))
    for name, rows in tables.items():
        merge(rows.where(F.col("event_hour") == hour), f"gold/{name}")


bronze_job = dg.define_asset_job("bronze_job", selection=[bronze])
silver_job = dg.define_asset_job("silver_job", selection=[silver])
gold_job = dg.define_asset_job("gold_job", selection=[gold])
defs = dg.Definitions(assets=[bronze, silver, gold], jobs=[bronze_job, silver_job, gold_job])


def the_bronze_job() -> dg.JobDefinition:
    return defs.resolve_job_def("bronze_job")


def the_silver_job() -> dg.JobDefinition:
    return defs.resolve_job_def("silver_job")


def the_gold_job() -> dg.JobDefinition:
    return defs.resolve_job_def("gold_job")


def run(ingest_hours: Sequence[str], home_hours: Sequence[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        instance = dg.DagsterInstance.local_temp(folder)
        for job, hours in (
            (the_bronze_job, ingest_hours),
            (the_silver_job, home_hours),
            (the_gold_job, home_hours),
        ):
            for hour in hours:
                tags = {"dagster/partition": f"{hour[:10]}-{hour[11:]}:00"}
                with dg.execute_job(
                    dg.reconstructable(job), instance=instance, tags=tags
                ) as result:
                    if not result.success:
                        raise SystemExit(f"{job.__name__} of {hour} failed")


if __name__ == "__main__":
    os.environ |= {LANDING: sys.argv[1], OUT: sys.argv[2]}
    landed = sorted(path.name for path in (Path(sys.argv[1]) / bare_spark.SOURCE).iterdir())
    run(landed, landed)
