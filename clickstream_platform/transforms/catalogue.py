"""Feed lines to versions (docs/DEFINITIONS.md, Catalogue)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from clickstream_platform.sources.feeds import FEED_ATTRIBUTES, FEED_KEYS, Feed
from clickstream_platform.tables.catalogue import CATALOGUE_QUARANTINE, VERSIONED
from clickstream_platform.tables.contract import Table
from clickstream_platform.transforms.fields import present_text, with_fields
from clickstream_platform.transforms.items import amount
from clickstream_platform.transforms.sessions import typed
from clickstream_platform.transforms.times import hour_start, parsed_time

REJECTED, SUPERSEDED, REPEAT, VERSION = OUTCOMES = ("rejected", "superseded", "repeat", "version")
_DAY = r"^[1-9]\d{3}-\d{2}-\d{2}$"
_ADDRESS = ("source_file", "source_offset")
_LINE = ("source", *_ADDRESS, "ingest_hour", "raw")


def judged(
    lines: DataFrame, feeds: Mapping[str, Feed], headers: Mapping[str, Sequence[str]]
) -> DataFrame:
    """One row per feed line with its `outcome`, and what it states.

    `lines` are those of bronze; `feeds` the mappings by name; `headers` the CSV headers by feed. A
    line of any other feed is rejected as `unknown_source`.
    """
    parts = [
        _stated(lines.where(F.col("source") == name), feed, headers.get(name, ()))
        for name, feed in feeds.items()
    ]
    unknown = lines.where(~F.col("source").isin([*feeds])).select(
        *_LINE,
        F.array(F.lit("unknown_source")).alias("reasons"),
        *[F.lit(None).cast("string").alias(name) for name in ("detail", "feed_table", "key")],
        F.lit(None).cast("timestamp").alias("valid_from"),
        *_no_attributes(),
        F.lit(None).cast("string").alias("content_hash"),
    )
    stated = reduce(
        lambda one, other: one.unionByName(other, allowMissingColumns=True), parts, unknown
    )
    return _with_outcome(stated)


def _no_attributes() -> list[Column]:
    return [
        F.lit(None).cast(spec.type).alias(spec.name)
        for table in VERSIONED
        for spec in table.columns
        if spec.name in FEED_ATTRIBUTES[table.name]
    ]


def versions(judged_lines: DataFrame, table: Table) -> DataFrame:
    """One row per version of the table's things; `judged_lines` are those of all feeds."""
    of_thing = Window.partitionBy("key").orderBy("valid_from")
    found = (
        judged_lines.where((F.col("feed_table") == table.name) & (F.col("outcome") == VERSION))
        .withColumn("version_no", F.row_number().over(of_thing))
        .withColumn("valid_to", F.lead("valid_from").over(of_thing))
        .withColumn(FEED_KEYS[table.name], F.col("key"))
    )
    return typed(found, table)


def rejected(judged_lines: DataFrame) -> DataFrame:
    """One row per rejected line."""
    return typed(judged_lines.where(F.col("outcome") == REJECTED), CATALOGUE_QUARANTINE)


def _stated(lines: DataFrame, feed: Feed, headers: Sequence[str]) -> DataFrame:
    """The lines of one feed with key, attributes, `valid_from`, and the reasons to reject them."""
    read = with_fields(lines, feed, headers)
    texts = {name: present_text(feed, field) for name, field in feed.attributes.items()}
    values = {name: _typed_value(name, texts.get(name)) for name in FEED_ATTRIBUTES[feed.table]}
    bad = [
        F.when(text.isNotNull() & values[name].isNull(), F.lit(f"bad_{name}"))
        for name, text in texts.items()
    ]
    key, moment = present_text(feed, feed.key), F.lit(None).cast("timestamp")
    if feed.effective_at is not None:
        written = present_text(feed, feed.effective_at.field)
        moment = parsed_time(written, feed.effective_at.format, feed.effective_at.zone)
        bad.append(F.when(written.isNotNull() & moment.isNull(), F.lit("bad_effective_at")))
    bad.append(F.when(key.isNull(), F.lit("missing_key")))
    reasons = F.when(F.col("_fatal").isNotNull(), F.array("_fatal")).otherwise(
        F.array_compact(F.array(*bad))
    )
    return read.select(
        *_LINE,
        reasons.alias("reasons"),
        F.col("_detail").alias("detail"),
        F.lit(feed.table).alias("feed_table"),
        key.alias("key"),
        F.coalesce(moment, hour_start(F.col("ingest_hour"))).alias("valid_from"),
        *[value.alias(name) for name, value in values.items()],
        _content_hash([*values.values()]).alias("content_hash"),
    )


def _typed_value(name: str, text: Column | None) -> Column:
    written = F.lit(None).cast("string") if text is None else text
    if name == "price":
        money = amount(written)
        return F.when(money >= 0, money)
    if name == "signup_date":
        return F.when(written.rlike(_DAY), written.try_cast("date"))
    return written


def _content_hash(values: Sequence[Column]) -> Column:
    """Of the values in order, each with its length, so that no two contents share a text."""
    texts = [value.cast("string") for value in values]
    parts = [
        F.coalesce(F.concat(F.length(text).cast("string"), F.lit(":"), text), F.lit("-"))
        for text in texts
    ]
    return F.sha2(F.concat(*parts), 256)


def _with_outcome(stated: DataFrame) -> DataFrame:
    """Of several contents from one moment on the greatest hash counts; a line that states what
    holds already makes no version."""
    thing = ["is_stated", "feed_table", "key"]
    counting = F.max("content_hash").over(Window.partitionBy(*thing, "valid_from"))
    before = F.lag("content_hash").over(
        Window.partitionBy(*thing, "is_counting").orderBy("valid_from", *_ADDRESS)
    )
    outcome = (
        F.when(~F.col("is_stated"), F.lit(REJECTED))
        .when(~F.col("is_counting"), F.lit(SUPERSEDED))
        .when(F.col("content_hash").eqNullSafe(before), F.lit(REPEAT))
        .otherwise(F.lit(VERSION))
    )
    return (
        stated.withColumn("is_stated", F.size("reasons") == 0)
        .withColumn("is_counting", F.col("content_hash") == counting)
        .withColumn("outcome", outcome)
    )
