"""The lake as assets see it: the engine for building, delta-rs (dagster-deltalake) for looking."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
from dagster_deltalake import DeltaTableResource, LocalConfig
from deltalake import DeltaTable
from pydantic import PrivateAttr

from clickstream_platform import logs
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.engine.client import background_session
from clickstream_platform.engine.failures import explain_engine_failure
from clickstream_platform.resources.spark import SparkEngine
from clickstream_platform.settings import Settings, settings
from clickstream_platform.storage import delta
from clickstream_platform.tables.contract import Table


class Lake(dg.ConfigurableResource):
    """One home's tables and the engine that builds them; nothing is started before it is used."""

    engine: dg.ResourceDependency[SparkEngine]
    _workspace: Workspace | None = PrivateAttr(default=None)

    @property
    def settings(self) -> Settings:
        return settings()

    @property
    def workspace(self) -> Workspace:
        if self._workspace is None:
            self._workspace = Workspace(
                self.settings,
                lambda: self.engine.spark_session,
                background=lambda: background_session(self.settings),
            )
        return self._workspace

    def table(self, table: Table) -> DeltaTable:
        """The Delta table, for its version, files and history; starts no engine."""
        location = delta.location(self.settings.lake, table)
        return DeltaTableResource(url=location, storage_options=LocalConfig()).load()

    @contextmanager
    def building(self, layer: str, *, run_id: str) -> Iterator[Workspace]:
        """The workspace for building `layer`; begin, end and failure go to the `runs` log.

        If the engine is lost meanwhile, the error says what happened.

        Raises: EngineLostError, from the client's own error.
        """
        logs.configure(self.settings, "runs", run_id=run_id, on_stderr=False)
        log = logs.get_logger("run")
        started = time.monotonic()
        log.info("build begins", layer=layer)
        try:
            yield self.workspace
            log.info("build done", layer=layer, seconds=round(time.monotonic() - started, 1))
        except Exception as error:
            lost = explain_engine_failure(error, self.settings)
            log.error("build failed", layer=layer, error=str(lost or error).splitlines()[0])
            if lost is None:
                raise
            raise lost from error
