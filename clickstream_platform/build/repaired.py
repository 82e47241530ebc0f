"""Bronze lines as they are read after repairs; builds of a lake without repairs do not pay."""

from __future__ import annotations

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from clickstream_platform.build.workspace import Workspace


def with_repairs(workspace: Workspace, lines: DataFrame, replacements: pa.Table) -> DataFrame:
    """The same lines with `replacement` where one is to be read; a repaired line is not damaged."""
    if not replacements.num_rows:
        return lines
    repaired = F.broadcast(workspace.spark.createDataFrame(replacements))
    joined = lines.join(repaired, on=["source_file", "source_offset"], how="left")
    damage = F.when(F.col("replacement").isNull(), F.col("damage"))
    return joined.withColumn("damage", damage)
