"""The yardstick: raw JSON lines to gold by hand, PySpark and Delta alone, as fast as we could.

    python -m benchmarks.bare_spark LANDING OUT    (prints its jobs and plans)

It knows one tracker (`shop_json`), one machine and no second run: no Dagster, no contracts, no
checks, no bookkeeping, and nothing of the platform's transforms. It writes the same tables for the
same faults; `benchmarks/tables.py` lists the columns that must agree. What it leaves out: fields
the tracker never sends, undeclared fields, and columns about runs.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pyarrow as pa
from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F
from pyspark.sql import types as T

from benchmarks import bare_gold, spark_work
from benchmarks.bare_enrichment import AGENT, COLUMNS, enrich

SOURCE = "shop_json"
FIRST_HOUR = "2019-01-01T00"
SKEW_S, HIGH_VALUE = 300, "500"
BLOCK_BYTES = 8 << 20
SHUFFLE_BYTES = 128 << 20  # of raw lines per partition of a shuffle; at least 4 partitions
# A cached line weighs about three times its raw bytes; more than half the heap would go to disk,
# and then silver's Parquet, with its columns apart, is the cheaper thing to read for gold.
CACHED_PER_RAW, HEAP_SHARE = 3, 0.5
JARS = Path(__file__).resolve().parents[1] / ".jars"
KNOWN = (
    "page_view", "session_start", "view_item_list", "select_item", "view_item",
    "view_search_results", "add_to_wishlist", "add_to_cart", "remove_from_cart", "view_cart",
    "begin_checkout", "add_shipping_info", "add_payment_info", "purchase", "refund", "sign_up",
    "login", "experiment_viewed", "click",
)  # fmt: skip
FIELDS = (
    "event_id", "user_id", "anonymous_id", "session_id", "event_type", "timestamp",
    "event_timestamp", "product_id", "category", "price", "quantity", "currency",
    "transaction_id", "experiment_id", "variant_id", "page_url", "referrer", "user_agent",
    "ip_address",
)  # fmt: skip
ISO = r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})? ?(?:Z|UTC|[+-]\d{2}:\d{2})?$"
DECIMAL = r"^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?$"
ITEM = (
    "array<struct<item_id:string,item_name:string,item_brand:string,item_category:string,"
    "price:decimal(12,2),quantity:bigint>>"
)
LINES = "source_file string, source_offset bigint, raw binary, ingest_hour string"
ENRICHED = T.StructType(
    [
        T.StructField(name, T.BooleanType() if name == AGENT[3] else T.StringType())
        for name in COLUMNS
    ]
)
BAD = "_malformed"


def use_this_python() -> None:
    """For Spark's Python workers: this interpreter, and this folder's modules."""
    here = str(Path(__file__).resolve().parents[1])
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["PYTHONPATH"] = ":".join([here, os.environ.get("PYTHONPATH", "")]).rstrip(":")


def confs(memory: str, scratch: Path) -> dict[str, str]:
    """What a small machine wants: no adaptive rounds, few partitions. A test compares the engine's.

    `run` sets the partitions of shuffles by the bytes it finds.
    """
    return {
        "spark.driver.memory": memory,
        "spark.driver.extraClassPath": ":".join(str(path) for path in sorted(JARS.glob("*.jar"))),
        "spark.driver.extraJavaOptions": "-XX:-DontCompileHugeMethods -Duser.timezone=UTC"
        " -XX:ReservedCodeCacheSize=512m -XX:+UseParallelGC -XX:MetaspaceSize=512m",
        "spark.python.sql.dataFrameDebugging.enabled": "false",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.local.dir": str(scratch / "local"),
        "spark.sql.warehouse.dir": str(scratch / "warehouse"),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.shuffle.partitions": "4",
        "spark.sql.codegen.cache.maxEntries": "2000",
        "spark.databricks.delta.snapshotPartitions": "2",
        "spark.databricks.delta.writeChecksumFile.enabled": "false",
        "spark.hadoop.fs.file.impl": "org.apache.hadoop.fs.RawLocalFileSystem",
        "spark.hadoop.fs.AbstractFileSystem.file.impl": "org.apache.hadoop.fs.local.RawLocalFs",
    }


def session(*, cores: str = "*", memory: str = "3g", scratch: Path) -> SparkSession:
    use_this_python()
    builder = SparkSession.builder.master(f"local[{cores}]").appName("bare")
    for key, value in confs(memory, scratch).items():
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    return spark


def run(spark: SparkSession, landing: Path, out: Path) -> None:
    """All tables from all files of `landing`, into an empty folder `out`.

    Lines are read, parsed and sorted once; bronze and silver, and gold if the memory allows, come
    from that one cached frame, side by side once the first has filled it.
    """
    raw_bytes = sum(path.stat().st_size for path in (landing / SOURCE).glob("*/*.jsonl"))
    spark.conf.set("spark.sql.shuffle.partitions", str(max(4, -(-raw_bytes // SHUFFLE_BYTES))))
    judged = judge(parsed(lines(spark, landing))).persist()
    events, *others = tables_of(judged, out)
    events()
    if raw_bytes * CACHED_PER_RAW < heap_bytes(spark) * HEAP_SHARE:
        silver = judged.where(F.col("verdict") == "accepted").select(*bare_gold.READ)
        bare_gold.build(silver, out, besides=others)
        spark.catalog.clearCache()
        return
    bare_gold.at_once(others)
    judged.unpersist()
    silver = spark.read.format("delta").load(str(out / "silver/events")).select(*bare_gold.READ)
    bare_gold.build(silver, out)
    spark.catalog.clearCache()


def tables_of(judged: DataFrame, out: Path) -> list[Callable[[], None]]:
    """What writes silver's tables, events first, and bronze."""
    accepted, repeated, refused = (
        judged.where(F.col("verdict") == verdict).select(*columns)
        for verdict, columns in (
            ("accepted", EVENTS),
            ("duplicate", DUPLICATES),
            ("quarantined", QUARANTINE),
        )
    )
    address = ("source_file", "source_offset", "raw", "ingest_hour")
    received = judged.select(
        F.lit(SOURCE).alias("source"), *address, F.col("event_hour").alias("home_hour")
    )
    return [
        partial(write, rows, out / path, partition, stats)
        for rows, path, partition, stats in (
            (accepted, "silver/events", "event_hour", "event_timestamp,event_name"),
            (repeated, "silver/duplicates", "event_hour", "id_scope"),
            (refused, "silver/quarantine", "event_hour", "event_name"),
            (
                received,
                "bronze/events",
                "ingest_hour",
                "home_hour,source,source_file,source_offset",
            ),
        )
    ]


def heap_bytes(spark: SparkSession) -> int:
    return int(spark.sparkContext._jvm.java.lang.Runtime.getRuntime().maxMemory())


def write(rows: DataFrame, path: Path, partition: str, stats: str) -> None:
    """A new table with statistics of few columns: those of all 40 cost more than they help."""
    spark_work.call_jobs(rows.sparkSession, path.parent.name + "/" + path.name)
    options = {"delta.dataSkippingStatsColumns": stats}
    rows.write.format("delta").options(**options).partitionBy(partition).save(str(path))


def lines(spark: SparkSession, landing: Path, hours: str = "*") -> DataFrame:
    """Every line with its address; whole files by task, the large ones first."""
    files = sorted(
        (path for path in (landing / SOURCE).glob(f"{hours}/*.jsonl")),
        key=lambda p: -p.stat().st_size,
    )
    cores = spark.sparkContext.defaultParallelism
    total = sum(path.stat().st_size for path in files)
    task_count = max(min(len(files), cores), min(len(files), -(-total // (32 << 20))))
    tasks: list[list[str]] = [[] for _ in range(task_count)]
    for number, path in enumerate(files):
        tasks[number % task_count].append(str(path))
    root = str(landing)

    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for task in batch.column(0).to_pylist():
                for path in tasks[task]:
                    yield from lines_of(Path(path), Path(root))

    return spark.range(0, task_count, 1, task_count).mapInArrow(read, LINES)


def lines_of(path: Path, root: Path) -> Iterator[pa.RecordBatch]:
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()[:8]
        stream.seek(0)
        name, hour = f"{path.relative_to(root)}@{digest}", path.parent.name
        rest, ordinal = b"", 0
        while True:
            block = stream.read(BLOCK_BYTES)
            *whole, rest = (rest + block).split(b"\n")
            if not block and rest:
                whole.append(rest)
            found = [one for line in whole if (one := line.removesuffix(b"\r"))]
            if found:
                count = len(found)
                yield pa.record_batch(
                    {
                        "source_file": pa.repeat(pa.scalar(name), count),
                        "source_offset": pa.array(range(ordinal, ordinal + count), pa.int64()),
                        "raw": pa.array(found, pa.binary()),
                        "ingest_hour": pa.repeat(pa.scalar(hour), count),
                    }
                )
                ordinal += count
            if not block:
                return


def bronze(received: DataFrame) -> DataFrame:
    """Lines with their home hour; of the line only its time is read here."""
    read = received.withColumn("_line", record(("timestamp", "event_timestamp")))
    columns = ("source_file", "source_offset", "raw", "ingest_hour")
    return read.select(F.lit(SOURCE).alias("source"), *columns, home_hour().alias("home_hour"))


def home_hour() -> Column:
    """Of a parsed line: its event's hour, or the hour it was received in."""
    at = F.when(is_whole(), time_of("_line"))
    usable = (at >= F.lit(FIRST_HOUR + ":00:00Z").cast("timestamp")) & (at < latest())
    return F.when(usable, F.date_format(at, "yyyy-MM-dd'T'HH")).otherwise(F.col("ingest_hour"))


def record(fields: tuple[str, ...]) -> Column:
    text = F.col("raw").cast("string")
    schema = ", ".join(f"`{name}` string" for name in (*fields, BAD))
    options = {"columnNameOfCorruptRecord": BAD, "allowSingleQuotes": "false"}
    return F.from_json(F.when(F.is_valid_utf8(text), text), schema, options)


def is_whole() -> Column:
    return F.col("_line").isNotNull() & F.col(f"_line.{BAD}").isNull()


def filled(name: str) -> Column:
    text = F.trim(F.col(f"_line.{name}"))
    return F.when(~text.isin("", "NA", "null", "(not set)"), text)


def time_text() -> Column:
    return F.coalesce(filled("timestamp"), filled("event_timestamp"))


def time_of(record_column: str) -> Column:
    del record_column
    text = time_text()
    return F.when(text.rlike(ISO), text.try_cast("timestamp"))


def latest() -> Column:
    """From here on an event is in the future of its own line."""
    start = F.to_timestamp(F.concat("ingest_hour", F.lit(":00:00Z")))
    return start + F.make_dt_interval(secs=F.lit(3600 + SKEW_S))


def parsed(received: DataFrame) -> DataFrame:
    """Every column of an event, its fingerprint, and the reasons to reject the line.

    Of lines as they came, or of bronze, which knows their home hour.
    """
    home = F.col("home_hour") if "home_hour" in received.columns else home_hour()
    read = received.withColumn("_line", record(FIELDS)).select(
        "source_file", "source_offset", "raw", "ingest_hour",
        home.alias("event_hour"),
        F.is_valid_utf8(F.col("raw").cast("string")).alias("_utf8"),
        is_whole().alias("_whole"),
        *[
            F.when(is_whole(), filled(name)).alias(f"_{name}")
            for name in FIELDS
            if not name.endswith("timestamp")
        ],
        F.when(is_whole(), time_text()).alias("_time"),
    )  # fmt: skip
    name, price, quantity = F.col("_event_type"), F.col("_price"), F.col("_quantity")
    snake = F.regexp_replace(
        F.lower(F.regexp_replace(name, r"(\p{Ll}|\p{N})(\p{Lu})", "$1_$2")), r"[^\p{L}\p{N}]+", "_"
    )
    time = F.col("_time")
    address = F.lower("_ip_address")
    typed = (
        read.withColumns(
            {
                "event_name": F.when(name == "product_view", "view_item")
                .when(name == "product_click", "select_item")
                .when(name.isin(*KNOWN), name)
                .otherwise(F.nullif(F.trim(snake, F.lit("_")), F.lit(""))),
                "event_timestamp": F.when(time.rlike(ISO), time.try_cast("timestamp")),
                "price": F.when(price.rlike(DECIMAL), price.try_cast("decimal(12,2)")),
                "quantity": F.when(
                    quantity.rlike(r"^[+-]?\d+(?:\.0*)?$"),
                    F.regexp_replace(quantity, r"\.0*$", "").try_cast("bigint"),
                ),
                "ip_anonymised": F.when(
                    address.rlike(r"^\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}$"),
                    F.concat(F.substring_index(address, ".", 3), F.lit(".0")),
                ),
                "visitor_id": F.coalesce("_anonymous_id", "_user_id", "_session_id"),
                "currency": F.upper("_currency"),
            }
        )
        .withColumns({"items": item(), "value": value()})
        .withColumns(
            {
                "is_high_value": F.coalesce(F.col("price") > HIGH_VALUE, F.lit(False)),
                "event_fingerprint": fingerprint(),
                "reasons": reasons(),
                "warnings": warnings(),
                "rescued_data": rescued(),
                "_enriched": F.arrow_udf(enrich, ENRICHED)("_user_agent", "_page_url", "_referrer"),
            }
        )
    )
    return typed.select(
        "source_file", "source_offset", "raw", "ingest_hour", "event_hour",
        "event_name", "event_timestamp", "items", "value", "currency", "visitor_id",
        "ip_anonymised", "is_high_value", "event_fingerprint", "reasons", "warnings",
        "rescued_data",
        F.lit(SOURCE).alias("id_scope"),
        *[
            F.col(theirs).alias(ours)
            for ours, theirs in {
                "event_id": "_event_id", "user_id": "_user_id", "anonymous_id": "_anonymous_id",
                "client_session_id": "_session_id", "page_location": "_page_url",
                "page_referrer": "_referrer", "user_agent": "_user_agent",
                "transaction_id": "_transaction_id", "experiment_id": "_experiment_id",
                "variant_id": "_variant_id",
            }.items()
        ],
        *[F.col(f"_enriched.{column}").alias(column) for column in COLUMNS],
    )  # fmt: skip


def item() -> Column:
    empty = F.lit(None).cast("string")
    one = F.struct(
        F.col("_product_id").alias("item_id"), empty.alias("item_name"), empty.alias("item_brand"),
        F.col("_category").alias("item_category"), F.col("price"), F.col("quantity"),
    )  # fmt: skip
    present = F.coalesce("_product_id", "_category", "_price", "_quantity").isNotNull()
    return F.when(present, F.array(one)).otherwise(F.array()).cast(ITEM)


def value() -> Column:
    count = F.coalesce("quantity", F.lit(1).cast("bigint")).cast("decimal(20,0)")
    return F.try_multiply(F.col("price"), count).try_cast("decimal(12,2)")


def fingerprint() -> Column:
    """MD5 over the business columns; those the tracker never sends are constants."""
    null = F.lit("\\N")

    def text(name: str) -> Column:
        return F.coalesce(F.col(name).cast("string"), null)

    item_text = F.concat_ws(
        "\x1e", text("_product_id"), null, null, text("_category"), text("price"), text("quantity")
    )
    return F.left(
        F.md5(
            F.concat_ws(
                "\x1f",
                text("event_name"),
                F.coalesce(F.unix_micros("event_timestamp").cast("string"), null),
                *[
                    text(name)
                    for name in (
                        "_user_id", "_anonymous_id", "_session_id", "_page_url", "_referrer",
                        "_user_agent", "ip_anonymised",
                    )
                ],
                F.when(F.size("items") == 0, "").otherwise(item_text),
                *[text(name) for name in ("value", "currency", "_transaction_id")],
                null,
                *[text(name) for name in ("_experiment_id", "_variant_id")],
                F.lit("\x1f".join(["\\N"] * 9)),
            )
        ),
        F.lit(16),
    )  # fmt: skip


def named(conditions: dict[str, Column]) -> Column:
    return F.array_compact(F.array(*[F.when(when, name) for name, when in conditions.items()]))


def reasons() -> Column:
    time, at = F.col("_time"), F.col("event_timestamp")
    is_purchase = F.col("event_name") == "purchase"
    broken = named(
        {
            "missing_event_timestamp": time.isNull(),
            "unparsable_event_timestamp": time.isNotNull() & at.isNull(),
            "future_event": at >= latest(),
            "before_first_hour": at < F.lit(FIRST_HOUR + ":00:00Z").cast("timestamp"),
            "missing_event_id": F.col("_event_id").isNull(),
            "missing_event_name": F.col("event_name").isNull(),
            "negative_price": F.col("price") < 0,
            "quantity_below_one": F.col("quantity") < 1,
            "purchase_without_product": is_purchase & F.col("_product_id").isNull(),
            "purchase_without_value": is_purchase & F.col("value").isNull(),
        }
    )
    return (
        F.when(~F.col("_utf8"), F.array(F.lit("invalid_utf8")))
        .when(~F.col("_whole"), F.array(F.lit("malformed_line")))
        .otherwise(broken)
    )


def is_lost(name: str) -> Column:
    return F.col(f"_{name}").isNotNull() & F.col(name).isNull()


def warnings() -> Column:
    return named(
        {
            "no_visitor": F.col("visitor_id").isNull(),
            "unknown_event_name": ~F.col("event_name").isin(*KNOWN),
            "unparsable_price": is_lost("price"),
            "unparsable_quantity": is_lost("quantity"),
            "currency_pattern": ~F.col("currency").rlike("^[A-Z]{3}$"),
        }
    )


def rescued() -> Column:
    lost = F.struct(
        *[F.when(is_lost(name), F.col(f"_{name}")).alias(name) for name in ("price", "quantity")]
    )
    return F.when(is_lost("price") | is_lost("quantity"), F.to_json(lost))


def judge(rows: DataFrame) -> DataFrame:
    """The verdict of every line: one sort finds the accepted line of each id."""
    apart = F.when(F.size("reasons") > 0, F.concat_ws("\x1f", "source_file", "source_offset"))
    cores = rows.sparkSession.sparkContext.defaultParallelism
    of_id = Window.partitionBy("event_hour", "event_id", "_apart").orderBy(
        "event_timestamp", "event_fingerprint", "source_file", "source_offset"
    )
    first = F.first(
        F.struct("event_fingerprint", "source_file", "source_offset", "visitor_id")
    ).over(of_id)
    all_of_id = Window.partitionBy("event_hour", "event_id", "_apart")
    placed = (
        rows.withColumn("_apart", apart)
        .repartition(8 * cores, "event_hour")
        .withColumn("_place", F.row_number().over(of_id))
        .withColumn("_first", first)
    )
    is_copy = F.col("event_fingerprint") == F.col("_first.event_fingerprint")
    verdict = (
        F.when(F.col("_apart").isNotNull(), "quarantined")
        .when(F.col("_place") == 1, "accepted")
        .when(is_copy, "duplicate")
        .otherwise("quarantined")
    )
    collided = F.col("_apart").isNull() & (F.col("_place") > 1) & ~is_copy
    reused = F.count_if(collided & F.col("_first.visitor_id").eqNullSafe(F.col("visitor_id"))).over(
        all_of_id
    )
    return placed.withColumns(
        {
            "verdict": verdict,
            "reused_id_lines": reused,
            "reasons": F.when(collided, F.array(F.lit("event_id_collision"))).otherwise(
                F.col("reasons")
            ),
            "accepted_source_file": F.col("_first.source_file"),
            "accepted_source_offset": F.col("_first.source_offset"),
            "event_date": F.to_date("event_timestamp"),
            "hour_of_day": F.hour("event_timestamp"),
            "is_weekend": F.dayofweek("event_timestamp").isin(1, 7),
        }
    ).drop("_apart", "_place", "_first")


ADDRESS = ("source_file", "source_offset", "ingest_hour", "event_hour")
EVENTS = (
    *ADDRESS,
    "event_id", "id_scope", "event_fingerprint", "event_name", "event_timestamp", "event_date",
    "hour_of_day", "is_weekend", "visitor_id", "user_id", "anonymous_id", "client_session_id",
    "page_location", "page_referrer", "user_agent", "ip_anonymised", "items", "value", "currency",
    "transaction_id", "experiment_id", "variant_id", "is_high_value", "warnings", "rescued_data",
    "reused_id_lines", *COLUMNS,
)  # fmt: skip
DUPLICATES = (
    *ADDRESS, "id_scope", "event_id", "event_timestamp", "event_fingerprint",
    "accepted_source_file", "accepted_source_offset",
)  # fmt: skip
QUARANTINE = (*ADDRESS, "raw", "reasons", "event_id", "event_name", "event_timestamp")


if __name__ == "__main__":
    target = Path(sys.argv[2])
    own = session(scratch=target / ".scratch")
    run(own, Path(sys.argv[1]), target)
    print("\n".join(spark_work.shown(spark_work.work_since(own, 0))))
