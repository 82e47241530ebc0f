"""The lake as assets see it: the engine for building, delta-rs (dagster-deltalake) for looking."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
from dagster_deltalake import DeltaTableResource, LocalConfig
from deltalake import DeltaTable
from pydantic import PrivateAttr

from clickstream_platform.build.workspace import Workspace
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
            self._workspace = Workspace(self.settings, lambda: self.engine.spark_session)
        return self._workspace

    def table(self, table: Table) -> DeltaTable:
        """The Delta table, for its version, files and history; starts no engine."""
        location = delta.location(self.settings.lake, table)
        return DeltaTableResource(url=location, storage_options=LocalConfig()).load()

    @contextmanager
    def building(self) -> Iterator[Workspace]:
        """The workspace; if the engine is lost meanwhile, the error says what happened.

        Raises: EngineLostError, from the client's own error.
        """
        try:
            yield self.workspace
        except Exception as error:
            lost = explain_engine_failure(error, self.settings)
            if lost is None:
                raise
            raise lost from error
