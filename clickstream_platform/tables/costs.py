"""What building cost, so that nobody has to guess what a table or a backfill takes."""

import pandera.pyspark as pa
from pyspark.sql import types as T

from clickstream_platform.tables.contract import Table, column


class CostHourly(pa.DataFrameModel):
    """Append-only log: what each build of an hour of a table cost."""

    table: T.StringType = column("`layer/name`.")
    hour: T.StringType = column(
        "Hour that was built, for bronze the ingest hour; the day of a daily table; `all`."
    )
    rows: T.LongType = column("Rows of the hour after the build.", ge=0)
    cpu_s: T.DoubleType = column(
        "The hour's share of the build's CPU seconds (engine, its workers and the run's process), "
        "by rows.",
        unit="s",
        ge=0.0,
    )
    written_files: T.LongType = column("Data files the build's commit added.", ge=0)
    written_bytes: T.LongType = column("Their size.", unit="bytes", ge=0)
    run_id: T.StringType = column("Dagster run.")
    recorded_at: T.TimestampType = column("When.")


COST_HOURLY = Table(
    layer="ops",
    name="cost_hourly",
    model=CostHourly,
    grain="one row per table, hour and build",
    keys=("table", "hour", "run_id", "recorded_at"),
    partition_by=None,
    writer="deltalake",
    owner="team:data-platform",
    reach="none",
    kinds=("deltalake", "ops"),
    hourly=False,
)
