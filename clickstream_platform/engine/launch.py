"""The command line and environment of the engine's JVM."""

from __future__ import annotations

import random
import shutil
import socket
import sys
from pathlib import Path

from clickstream_platform.engine.jars import ensure_jars
from clickstream_platform.engine.java import find_java, spark_home
from clickstream_platform.errors import EnvironmentProblemError
from clickstream_platform.settings import PROJECT_ROOT, Settings, user_environment

TOKEN_VARIABLE = "SPARK_CONNECT_AUTHENTICATE_TOKEN"  # noqa: S105 (its name, not its value)
MESSAGE_BYTES = 256 * 1024 * 1024
# Below the range from which Linux hands out ports by itself, so that no one is given ours between
# our look and the server's bind.
PORTS = range(20_000, 32_000)
# A user's Spark settings would change results or turn the server into a client.
FOREIGN_VARIABLES = (
    "MASTER",
    "PYSPARK_DRIVER_PYTHON",
    "PYSPARK_SUBMIT_ARGS",
    "SPARK_API_MODE",
    "SPARK_CONNECT_MODE_ENABLED",
    "SPARK_DIST_CLASSPATH",
    "SPARK_LOCAL_REMOTE",
    "SPARK_REMOTE",
)
LOG_CONFIGURATION = """\
rootLogger.level = warn
rootLogger.appenderRef.stderr.ref = stderr
appender.stderr.type = Console
appender.stderr.name = stderr
appender.stderr.target = SYSTEM_ERR
appender.stderr.layout.type = PatternLayout
appender.stderr.layout.pattern = %d{yyyy-MM-dd'T'HH:mm:ss.SSSXXX}{UTC} %p %c{1}: %m%n%ex
logger.server.name = org.apache.spark.sql.connect.service.SparkConnectServer
logger.server.level = info
"""
# Jobs of the background pool get a core that nobody else asks for; all others stand in one line.
BACKGROUND_POOL = "background"
SCHEDULER_POOLS = f"""\
<allocations>
  <pool name="default"><schedulingMode>FIFO</schedulingMode><minShare>1000</minShare></pool>
  <pool name="{BACKGROUND_POOL}"><schedulingMode>FIFO</schedulingMode></pool>
</allocations>
"""
# No checksum files, neither Hadoop's beside each file nor Delta's of each version: a commit lists
# the whole log, four times as long with them. Parquet's own checksums are looked at instead.
FILE_CONFS = {
    "spark.hadoop.fs.file.impl": "org.apache.hadoop.fs.RawLocalFileSystem",
    "spark.hadoop.fs.AbstractFileSystem.file.impl": "org.apache.hadoop.fs.local.RawLocalFs",
    "spark.databricks.delta.writeChecksumFile.enabled": "false",
    "spark.hadoop.parquet.page.verify-checksum.enabled": "true",
}


class NoFreePortError(EnvironmentProblemError):
    """Every port tried was taken."""


def spark_confs(settings: Settings, scratch: Path, port: int) -> dict[str, str]:
    """Static settings of the server; a session can override those of `spark.sql`.

    Ours win over `engine.extra_confs`: results and safety depend on them.
    """
    return {
        # Adaptive execution makes every stage a job and a round of planning of its own: more than
        # it can save in hours of this size. `engine.extra_confs` may turn it on.
        "spark.sql.adaptive.enabled": "false",
        # Pyspark would look up the caller's file and line at every call on a column.
        "spark.python.sql.dataFrameDebugging.enabled": "false",
        **settings.engine.extra_confs,
        "spark.master": f"local[{settings.engine.cores}]",
        "spark.app.name": "clickstream-engine",
        "spark.driver.memory": settings.engine.driver_memory,
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.extraJavaOptions": " ".join(
            [
                "-XX:+ExitOnOutOfMemoryError",
                # Wide projections compile to methods above 8,000 bytes of bytecode, which the JVM
                # would otherwise interpret for ever.
                "-XX:-DontCompileHugeMethods",
                # Every new plan brings code of its own; a JVM whose code cache is full ends.
                "-XX:ReservedCodeCacheSize=512m",
                # Many small jobs: G1's marking costs more than the pauses that it saves.
                "-XX:+UseParallelGC",
                "-XX:MetaspaceSize=512m",
                *settings.engine.jvm_options,
                "-Duser.timezone=UTC",
                f'"-Djava.io.tmpdir={scratch / "tmp"}"',  # a home may have blanks in its path
                f'"-Dlog4j2.configurationFile={scratch / "conf" / "log4j2.properties"}"',
            ]
        ),
        "spark.scheduler.mode": "FAIR",
        "spark.scheduler.allocation.file": str(scratch / "conf" / "pools.xml"),
        "spark.local.dir": str(scratch / "local"),
        "spark.python.daemon.module": "clickstream_platform.engine.python_daemon",
        "spark.ui.enabled": "false",
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": str(port),
        "spark.connect.grpc.maxInboundMessageSize": str(MESSAGE_BYTES),
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.mapKeyDedupPolicy": "LAST_WIN",  # of equal keys in a JSON object the last counts
        "spark.sql.shuffle.partitions": str(settings.engine.shuffle_partitions),
        "spark.sql.warehouse.dir": str(scratch / "warehouse"),
        "spark.databricks.delta.snapshotPartitions": "2",
        # A round of a stream has more generated classes than the 100 that Spark keeps: each would
        # be compiled anew in every round.
        "spark.sql.codegen.cache.maxEntries": "2000",
        **FILE_CONFS,
    }


def server_command(settings: Settings, scratch: Path, port: int) -> list[str]:
    """The `spark-submit` call; it ends in `exec`, so its pid is the JVM's."""
    find_java()
    home = spark_home()
    jars = ":".join(str(path) for path in ensure_jars(settings.engine))
    confs = spark_confs(settings, scratch, port)
    return [
        str(home / "bin" / "spark-submit"),
        *("--class", "org.apache.spark.sql.connect.service.SparkConnectServer"),
        # Not --jars: with them the start took 9.3 to 9.9 s (three runs) against 8.2 s (one run).
        *("--driver-class-path", jars),
        *(part for key, value in confs.items() for part in ("--conf", f"{key}={value}")),
        "spark-internal",
    ]


def server_environment(scratch: Path, token: str) -> dict[str, str]:
    """Ours without foreign Spark settings; Python workers use this Python and this checkout."""
    environment = {
        key: value for key, value in user_environment().items() if key not in FOREIGN_VARIABLES
    }
    search_path = [str(PROJECT_ROOT), environment.get("PYTHONPATH", "")]
    return environment | {
        TOKEN_VARIABLE: token,
        "SPARK_HOME": str(spark_home()),
        "SPARK_CONF_DIR": str(scratch / "conf"),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PYSPARK_PYTHON": sys.executable,
        "PYTHONPATH": ":".join(part for part in search_path if part),
    }


def prepare_scratch(scratch: Path) -> None:
    """Folders the server expects, and its log settings.

    What a killed server left is removed, so no other may run in this home.
    """
    for name in ("local", "tmp"):
        shutil.rmtree(scratch / name, ignore_errors=True)
    for name in ("conf", "local", "tmp", "warehouse"):
        (scratch / name).mkdir(parents=True, exist_ok=True)
    (scratch / "conf" / "log4j2.properties").write_text(LOG_CONFIGURATION)
    (scratch / "conf" / "pools.xml").write_text(SCHEDULER_POOLS)


def free_port() -> int:
    """A loopback port nobody listens on.

    Raises: NoFreePortError after 100 ports.
    """
    for port in random.sample(PORTS, 100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise NoFreePortError(
        f"None of 100 loopback ports in {PORTS.start}-{PORTS.stop} can be bound. "
        f"See what listens there with `ss -ltn`."
    )
