"""Ingestion warnings: what happened to lines on their way in, counted for people."""

import pandera.pyspark as pa
from pyspark.sql import types as T

from clickstream_platform.tables.contract import Table, column

WARNINGS_VERSION = 1  # raise it when what is counted changes
DUPLICATE_TYPE = "duplicate"
_WHERE = ("silver/events.source_file", "silver/quarantine.source_file")


class IngestionWarnings(pa.DataFrameModel):
    """Lines that were rejected, kept with a warning, or sent again; exact counts with a remedy."""

    home_hour: T.StringType = column(
        "Hour silver judged the lines in.", of=("bronze/events.home_hour",)
    )
    source: T.StringType = column("Source mapping.", of=("bronze/events.source",))
    type: T.StringType = column(
        "Reason of rejected lines, warning of kept ones, or `duplicate`.",
        of=("silver/quarantine.reasons", "silver/events.warnings"),
    )
    severity: T.StringType = column(
        "`error`: the line was rejected; `warn`: kept, but something in it was not as it should "
        "be; `info`: a repeated line, as intended.",
        isin=["error", "warn", "info"],
    )
    lines: T.LongType = column(
        "Lines; one with several reasons or warnings counts under each.",
        of=("bronze/events.source_offset",),
        ge=1,
    )
    sample_file: T.StringType = column(
        "`source_file` of the line with the smallest address; null while the hour is held back.",
        nullable=True,
        of=_WHERE,
    )
    sample_offset: T.LongType = column(
        "`source_offset` of that line.", nullable=True, of=_WHERE, ge=0
    )
    remedy: T.StringType = column("What to do about it.")


INGESTION_WARNINGS = Table(
    layer="ops",
    name="ingestion_warnings",
    model=IngestionWarnings,
    grain="one row per home hour, source and type",
    keys=("home_hour", "source", "type"),
    partition_by="home_hour",
    writer="deltalake",
    owner="team:data-platform",
    inputs=("silver/events", "silver/duplicates", "silver/quarantine"),
    kinds=("deltalake", "ops"),
)
