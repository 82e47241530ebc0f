"""One home as sensors see it: landing, manifest and table logs, but no engine."""

from __future__ import annotations

from typing import Any, NoReturn

import dagster as dg
from pydantic import PrivateAttr

from clickstream_platform.build.workspace import Workspace
from clickstream_platform.errors import ClickstreamError
from clickstream_platform.settings import read_settings


class Home(dg.ConfigurableResource):
    """Settings and state of the home at `path` (null: the configured one)."""

    path: str | None = None
    automation: dict[str, Any] = {}
    _workspace: Workspace | None = PrivateAttr(default=None)

    @property
    def workspace(self) -> Workspace:
        """Guarantees: asking it for the engine is an error, so nothing here can start one."""
        if self._workspace is None:
            given: dict[str, Any] = {"home": self.path, "automation": self.automation}
            settings = read_settings(**{key: value for key, value in given.items() if value})
            self._workspace = Workspace(settings, _no_engine)
        return self._workspace


def _no_engine() -> NoReturn:
    raise ClickstreamError("Sensors must not need the engine; this is a bug.")
