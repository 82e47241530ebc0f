from pathlib import Path

import dagster as dg
import grpc

from clickstream_platform.engine.failures import explain_engine_failure
from clickstream_platform.engine.server import Engine
from clickstream_platform.resources.spark import SparkEngine
from clickstream_platform.settings import read_settings


class UnavailableError(grpc.RpcError):
    def __str__(self) -> str:
        return "status = StatusCode.UNAVAILABLE, Connection refused"


def test_a_remote_endpoint_is_used_as_it_is_and_nothing_is_started(tmp_path: Path) -> None:
    settings = read_settings(home=tmp_path, engine={"remote": "sc://cluster:15002"})
    engine = Engine(settings)
    assert engine.ensure() == "sc://cluster:15002"
    assert engine.status().state == "remote"
    assert not engine.stop()
    assert list(tmp_path.iterdir()) == []


def test_a_remote_that_does_not_answer_is_named(tmp_path: Path) -> None:
    settings = read_settings(home=tmp_path, engine={"remote": "sc://cluster:15002"})
    assert "sc://cluster:15002" in str(explain_engine_failure(UnavailableError(), settings))


def test_a_step_that_never_touches_spark_starts_no_engine(tmp_path: Path) -> None:
    settings = read_settings(home=tmp_path)

    @dg.asset
    def nothing(spark: SparkEngine) -> None:
        assert spark.home == str(tmp_path)

    assert dg.materialize([nothing], resources={"spark": SparkEngine.of(settings)}).success
    assert Engine(settings).status().state == "stopped"
    assert not settings.state.exists()
