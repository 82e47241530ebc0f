"""How late lines arrive: the basis of every decision about waiting."""

import pandera.pyspark as pa
from pyspark.sql import types as T

from clickstream_platform.tables.contract import Table, column

_BRONZE = "bronze/events."


class LatenessHourly(pa.DataFrameModel):
    """How many lines of which home hour arrived in an ingest hour, and how late they were."""

    ingest_hour: T.StringType = column("Hour of arrival.", of=(_BRONZE + "ingest_hour",))
    home_hour: T.StringType = column("Hour the lines belong to.", of=(_BRONZE + "home_hour",))
    source: T.StringType = column("Source mapping.", of=(_BRONZE + "source",))
    lines: T.LongType = column("Lines in bronze.", of=(_BRONZE + "source_offset",), ge=1)
    hours_late: T.LongType = column(
        "Ingest hour less home hour; -1 for events slightly in the future.",
        of=(_BRONZE + "ingest_hour", _BRONZE + "home_hour"),
        unit="h",
        ge=-1,
    )
    lateness_p50_s: T.LongType = column(
        "Half of the lines were received so long after the end of their home hour, or sooner.",
        of=(_BRONZE + "enqueued_at", _BRONZE + "home_hour"),
        unit="s",
        nullable=True,
        ge=0,
    )
    lateness_p95_s: T.LongType = column(
        "The same for 95 of 100 lines.",
        of=(_BRONZE + "enqueued_at", _BRONZE + "home_hour"),
        unit="s",
        nullable=True,
        ge=0,
    )
    lateness_max_s: T.LongType = column(
        "The same for all lines.",
        of=(_BRONZE + "enqueued_at", _BRONZE + "home_hour"),
        unit="s",
        nullable=True,
        ge=0,
    )


LATENESS_HOURLY = Table(
    layer="ops",
    name="lateness_hourly",
    model=LatenessHourly,
    grain="one row per ingest hour, home hour and source",
    keys=("ingest_hour", "home_hour", "source"),
    partition_by="ingest_hour",
    writer="deltalake",
    owner="team:data-platform",
    inputs=("bronze/events",),
    kinds=("deltalake", "ops"),
)
