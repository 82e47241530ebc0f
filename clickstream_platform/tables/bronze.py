"""Bronze: every line as it was received."""

import pandera.pyspark as pa
from pyspark.sql import types as T

from clickstream_platform.tables.contract import Table, column


class BronzeEvents(pa.DataFrameModel):
    """Every line that was ever received, byte for byte, with its address."""

    source: T.StringType = column("Name of the source mapping the line arrived for.")
    source_file: T.StringType = column(
        "Path under landing, `@` and 8 hex digits of the file's SHA-256; for Kafka its partition."
    )
    source_offset: T.LongType = column("Ordinal of the line in its file, or Kafka's offset.", ge=0)
    raw: T.BinaryType = column("The record's exact bytes, without its line end.", pii="free_text")
    header: T.StringType = column("Header record of a CSV file; null elsewhere.", nullable=True)
    damage: T.StringType = column(
        "Why the reader could not deliver the record whole (`archive_truncated`, …).", nullable=True
    )
    ingest_hour: T.StringType = column("Hour the line arrived in; the partition.")
    home_hour: T.StringType = column(
        "Hour of the event time if usable, else `ingest_hour`: where silver judges the line."
    )
    enqueued_at: T.TimestampType = column("When the broker or file system got it.", nullable=True)
    ingested_at: T.TimestampType = column("When this platform stored it.")
    run_id: T.StringType = column("Dagster run that stored it.")


BRONZE_EVENTS = Table(
    layer="bronze",
    name="events",
    model=BronzeEvents,
    grain="one row per received line",
    keys=("source_file", "source_offset"),
    partition_by="ingest_hour",
    writer="spark",
    owner="team:data-platform",
    stats_columns=("home_hour", "source", "source_file", "source_offset"),
    kinds=("pyspark", "deltalake", "bronze"),
)
