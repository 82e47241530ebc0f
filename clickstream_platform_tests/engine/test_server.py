"""The engine itself, in a home of its own; two JVM starts for the whole file."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import psutil
import pytest
from click.testing import CliRunner
from pyspark.sql.connect.session import SparkSession

from clickstream_platform.engine import command
from clickstream_platform.engine.client import bounded_session, connect, shared_session
from clickstream_platform.engine.failures import EngineLostError, explain_engine_failure
from clickstream_platform.engine.launch import TOKEN_VARIABLE
from clickstream_platform.engine.server import Engine
from clickstream_platform.engine.state import process
from clickstream_platform.resources.spark import SparkEngine
from clickstream_platform.settings import Settings, read_settings

pytestmark = pytest.mark.slow
ENSURE = """
import sys
from clickstream_platform.engine.server import Engine
from clickstream_platform.settings import read_settings
engine = {"driver_memory": "1g", "warm_up": False}
print(Engine(read_settings(home=sys.argv[1], engine=engine)).ensure())
"""


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    home = tmp_path_factory.mktemp("engine_home")
    found = read_settings(home=home, engine={"driver_memory": "1g", "warm_up": False})
    yield found
    Engine(found).stop()


def jvms_of(settings: Settings) -> list[int]:
    """Processes whose command line names this home's engine folder as their scratch space."""
    marker = f"spark.local.dir={Engine(settings).files.folder / 'local'}"
    return [
        each.pid
        for each in psutil.process_iter()
        if each.name() == "java" and marker in " ".join(each.cmdline())
    ]


def test_two_cold_starts_at_once_give_one_jvm(settings: Settings) -> None:
    starters = [
        subprocess.Popen(
            [sys.executable, "-c", ENSURE, str(settings.home)], stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    urls = [starter.communicate(timeout=180)[0].strip() for starter in starters]
    status = Engine(settings).status()
    assert urls == [status.url, status.url]
    assert jvms_of(settings) == [status.pid]
    assert Engine(settings).files.token.stat().st_mode & 0o777 == 0o600
    assert Engine(settings).files.token.read_text() not in " ".join(
        psutil.Process(status.pid).cmdline()
    )


def test_a_client_without_the_token_is_refused(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = Engine(settings).ensure()
    monkeypatch.delenv(TOKEN_VARIABLE)
    session = bounded_session(url)
    with pytest.raises(Exception, match="No authentication token provided"):
        session.range(1).count()
    session.client.close()


def test_the_server_listens_on_loopback_only(settings: Settings) -> None:
    Engine(settings).ensure()
    (pid,) = jvms_of(settings)
    listening = [c for c in psutil.Process(pid).net_connections() if c.status == "LISTEN"]
    assert {c.laddr.ip.removeprefix("::ffff:") for c in listening} == {"127.0.0.1"}


def test_delta_is_written_and_read_with_the_session_settings(
    settings: Settings, tmp_path: Path
) -> None:
    session = connect(settings, {"spark.sql.shuffle.partitions": "3"})
    path = str(tmp_path / "numbers")
    session.range(5).write.format("delta").save(path)
    read = session.read.format("delta").load(path).toArrow()
    assert sorted(read.column("id").to_pylist()) == [0, 1, 2, 3, 4]
    keys = ("shuffle.partitions", "session.timeZone", "ansi.enabled")
    assert [session.conf.get(f"spark.sql.{key}") for key in keys] == ["3", "UTC", "true"]
    session.stop()


def test_a_damaged_file_is_an_error_and_not_another_number(
    settings: Settings, tmp_path: Path
) -> None:
    session = connect(settings)
    path = tmp_path / "numbers"
    session.range(50_000).coalesce(1).write.format("delta").save(str(path))
    assert not list(path.rglob("*.crc"))
    (data,) = path.glob("*.parquet")
    damaged = bytearray(data.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    data.write_bytes(damaged)
    with pytest.raises(Exception, match="CRC"):
        session.read.format("delta").load(str(path)).toArrow()
    session.stop()


def test_status_is_one_json_object(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    Engine(settings).ensure()
    monkeypatch.setattr(command, "settings", lambda: settings)
    shown = CliRunner().invoke(command.engine_group, ["status", "--json"])
    assert shown.exit_code == 0
    told = json.loads(shown.stdout)
    assert (told["state"], told["pid"]) == ("running", jvms_of(settings)[0])
    assert told["memory_bytes"] > 100_000_000


def test_the_session_that_is_asked_for_is_the_one_literals_ask(settings: Settings) -> None:
    ours = shared_session(settings)
    other = connect(settings)
    assert SparkSession.active() is other
    assert shared_session(settings) is ours
    assert SparkSession.active() is ours
    other.stop()


def test_after_kill_nine_the_loss_is_explained_and_the_resource_gets_a_new_engine(
    settings: Settings,
) -> None:
    @dg.asset
    def three(spark: SparkEngine) -> dg.MaterializeResult:
        return dg.MaterializeResult(metadata={"rows": spark.spark_session.range(3).count()})

    engine = Engine(settings)
    resources = {"spark": SparkEngine.of(settings, {"spark.sql.shuffle.partitions": "2"})}
    assert dg.materialize([three], resources=resources).success
    session = shared_session(settings, {"spark.sql.shuffle.partitions": "2"})
    (pid,) = jvms_of(settings)
    os.kill(pid, 9)
    began = time.monotonic()
    with pytest.raises(Exception, match=r"UNAVAILABLE|Socket closed|reset") as caught:
        session.range(10**12).selectExpr("sum(id % 7)").collect()
    assert time.monotonic() - began < 20
    explained = explain_engine_failure(caught.value, settings)
    assert isinstance(explained, EngineLostError)
    assert f"pid {pid}" in str(explained)
    assert "signal 9" in str(explained)
    assert engine.status().state == "crashed"

    again = dg.materialize([three], resources=resources)
    (event,) = again.asset_materializations_for_node("three")
    assert event.metadata["rows"].value == 3
    assert engine.status().state == "running"
    assert pid not in jvms_of(settings)
    assert "signal 9" in str(explain_engine_failure(caught.value, settings))
    assert explain_engine_failure(ValueError("no matter"), settings) is None


def test_stop_works_without_the_supervisor(settings: Settings) -> None:
    engine = Engine(settings)
    engine.ensure()
    record = engine.record()
    assert record is not None
    psutil.Process(record.supervisor_pid).kill()
    assert engine.status().state == "running"
    assert engine.stop()
    assert process(record.pid, record.created) is None
    assert engine.status().state == "stopped"
    assert "stopped: requested" in str(engine.status().last_exit)
