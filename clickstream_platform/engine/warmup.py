"""Makes a fresh engine load and compile what the first batch would wait for.

The supervisor runs `python -m clickstream_platform.engine.warmup URL FOLDER` once, beside the
first user; the table goes to <FOLDER>/warmup and means nothing.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.session import SparkSession
from pyspark.sql.connect.window import Window

from clickstream_platform.engine.client import bounded_session

HOUR = "2000-01-01T00"


def warm_up(session: SparkSession, folder: Path) -> None:
    """Appends to, replaces in and reads one tiny Delta table, from parsed JSON."""
    path = str(folder / "warmup")
    line = F.format_string('{"event_id":"%s","at":"2000-01-01T00:00:00Z"}', F.col("id"))
    parsed = F.from_json(line, "event_id string, at string")
    rows = session.range(4).select(
        parsed["event_id"].alias("event_id"),
        F.try_to_timestamp(parsed["at"]).alias("event_timestamp"),
        F.lit(HOUR).alias("event_hour"),
        F.row_number().over(Window.orderBy(parsed["event_id"])).alias("line"),
    )
    target = rows.write.format("delta").partitionBy("event_hour").mode("overwrite")
    target.save(path)
    target.option("replaceWhere", f"event_hour IN ('{HOUR}')").save(path)
    session.read.format("delta").load(path).groupBy("event_hour").count().toArrow()


if __name__ == "__main__":
    os.nice(10)  # whoever waits for the engine goes first
    warm_session = bounded_session(sys.argv[1])
    warm_up(warm_session, Path(sys.argv[2]))
    warm_session.stop()
