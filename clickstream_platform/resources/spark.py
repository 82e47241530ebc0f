"""The Spark session as assets see it: dagster-pyspark's lazy resource on the shared engine."""

from __future__ import annotations

from typing import Any

from dagster_pyspark import LazyPySparkResource
from dagster_spark.utils import flatten_dict
from pydantic import PrivateAttr

from clickstream_platform.engine.client import shared_session
from clickstream_platform.settings import Settings, read_settings


class SparkEngine(LazyPySparkResource):
    """One session per process on the home's engine, connected on first use.

    Guarantees: a step that never touches `spark_session` starts no JVM. A session whose engine
        died is replaced on the next use.
    """

    spark_config: dict[str, Any] = {}
    home: str | None = None
    engine: dict[str, Any] = {}
    _settings: Settings | None = PrivateAttr(default=None)

    @classmethod
    def of(cls, settings: Settings, spark_config: dict[str, Any] | None = None) -> SparkEngine:
        """The resource for these settings; `spark_config` are confs of the session."""
        return cls(
            spark_config=spark_config or {},
            home=str(settings.home),
            engine=settings.engine.model_dump(mode="json", exclude_none=True),
        )

    def _init_session(self) -> None:
        if self._settings is None:
            given: dict[str, Any] = {"home": self.home, "engine": self.engine}
            self._settings = read_settings(**{key: val for key, val in given.items() if val})
        confs = {key: str(value) for key, value in flatten_dict(self.spark_config)}  # type: ignore[no-untyped-call]
        self._spark_session = shared_session(self._settings, confs)
