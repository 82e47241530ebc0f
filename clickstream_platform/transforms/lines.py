"""Bronze lines of any mix of sources: their home hour, and their canonical form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from clickstream_platform.sources.model import Source
from clickstream_platform.transforms.fields import with_fields
from clickstream_platform.transforms.limits import Limits
from clickstream_platform.transforms.standardise import event_time, standardise
from clickstream_platform.transforms.times import home_hour

Headers = Mapping[str, Sequence[str]]  # source name -> distinct CSV headers of its lines


def with_home_hour(lines: DataFrame, source: Source, headers: Headers, limits: Limits) -> DataFrame:
    """The same lines of one source with `home_hour` added."""
    read = with_fields(lines, source, headers.get(source.name, ()))
    hour = home_hour(
        event_time(read, source),
        F.col("ingest_hour"),
        first_hour=limits.first_hour,
        max_future_skew_s=limits.max_future_skew_s,
    )
    return read.withColumn("home_hour", hour).select(*lines.columns, "home_hour")


def canonical(
    lines: DataFrame, sources: Mapping[str, Source], headers: Headers, limits: Limits
) -> DataFrame:
    """One row per bronze line with every canonical column and the reasons of reading.

    `sources` are the mappings of the sources present; a line of any other source is kept with the
    reason `unknown_source`.
    """
    known = [source.name for source in sources.values()]
    parts = []
    for position, source in enumerate(sources.values()):
        is_ours = F.col("source") == source.name
        # Lines without a mapping ride along with the first source, so that none is left out.
        wanted = is_ours | ~F.col("source").isin(known) if position == 0 else is_ours
        of_source = lines if len(known) == 1 else lines.where(wanted)
        read = with_fields(of_source, source, headers.get(source.name, ()))
        row = standardise(read, source, limits)
        reasons = F.when(is_ours, F.col("reasons")).otherwise(F.array(F.lit("unknown_source")))
        parts.append(
            row.withColumn("reasons", reasons).withColumn(
                "is_readable", F.col("is_readable") & is_ours
            )
        )
    return reduce(DataFrame.unionByName, parts)
