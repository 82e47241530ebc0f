"""The bare job has every setting that makes the engine fast: it is to be the best one can write."""

from __future__ import annotations

from pathlib import Path

from benchmarks import bare_spark
from clickstream_platform.engine.launch import spark_confs
from clickstream_platform.settings import read_settings

JVM = "spark.driver.extraJavaOptions"
SAFETY = {"-XX:+ExitOnOutOfMemoryError"}
FAST = (
    "spark.sql.adaptive.enabled",
    "spark.python.sql.dataFrameDebugging.enabled",
    "spark.sql.codegen.cache.maxEntries",
    "spark.databricks.delta.snapshotPartitions",
    "spark.databricks.delta.writeChecksumFile.enabled",
    "spark.hadoop.fs.file.impl",
    "spark.hadoop.fs.AbstractFileSystem.file.impl",
)


def test_the_bare_job_has_the_engine_s_settings_for_speed_and_the_memory_asked_for(
    tmp_path: Path,
) -> None:
    ours = spark_confs(read_settings(home=tmp_path), tmp_path, 20_000)
    bare = bare_spark.confs("5g", tmp_path)

    options = {option for option in ours[JVM].split() if option.startswith("-XX")}
    assert options - SAFETY <= {*bare[JVM].split()}
    assert {key: bare.get(key) for key in FAST} == {key: ours[key] for key in FAST}
    assert bare["spark.driver.memory"] == "5g"
