"""Builds hourly gold with today's code and settings beside the lake; readers see nothing of it.

Data: `<home>/shadow/lake`: gold and ops of its own; bronze and silver are links to the lake's.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from clickstream_platform.build.gold import build_gold
from clickstream_platform.build.report import HourReport
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.errors import ClickstreamError
from clickstream_platform.settings import Settings
from clickstream_platform.storage import delta, hour_state, leases
from clickstream_platform.storage.hour_state import States
from clickstream_platform.storage.owners import this_process
from clickstream_platform.tables.gold import GOLD
from clickstream_platform.tables.ops import HOUR_STATE
from clickstream_platform.tables.silver import SILVER_EVENTS

_LINKED = ("bronze", "silver")


class NoShadowError(ClickstreamError):
    """Nothing was built beside the lake."""


def folder(settings: Settings) -> Path:
    """Where the shadow of this home lies."""
    return settings.home / "shadow"


def of(workspace: Workspace) -> Workspace:
    """The workspace whose lake is the shadow; it shares the engine."""
    settings = workspace.settings.model_copy(update={"home": folder(workspace.settings)})
    return replace(workspace, settings=settings)


@contextmanager
def alone(settings: Settings, run_id: str) -> Iterator[None]:
    """Nobody else builds, swaps or removes the shadow meanwhile.

    Raises: HoursBusyError at once if somebody does.
    """
    with leases.held(settings.state, "shadow", ["all"], owner=this_process(run_id), wait_s=0):
        yield


def build(workspace: Workspace, hours: Sequence[str], *, run_id: str) -> list[HourReport]:
    """Hourly gold of `hours` in a new shadow; one report per table and hour. An older one goes."""
    with alone(workspace.settings, run_id):
        return _build(workspace, hours, run_id)


def _build(workspace: Workspace, hours: Sequence[str], run_id: str) -> list[HourReport]:
    _remove(workspace.settings)
    shadow = of(workspace)
    shadow.lake.mkdir(parents=True)
    for layer in _LINKED:
        (shadow.lake / layer).symlink_to(workspace.lake / layer, target_is_directory=True)
    shadow.init_tables([HOUR_STATE])
    states = hour_state.current(workspace.lake)
    of_silver = hour_state.of_table(states, SILVER_EVENTS.path)
    hour_state.record(shadow.lake, [*of_silver.values()], run_id=run_id)
    return build_gold(shadow, hours, run_id=run_id, force=True)


def built(workspace: Workspace) -> States:
    """The states of gold in the shadow.

    Raises: NoShadowError.
    """
    lake = of(workspace).lake
    paths = {table.path for table in GOLD}
    states = hour_state.current(lake) if delta.exists(lake, HOUR_STATE) else {}
    found = {key: row for key, row in states.items() if key[0] in paths}
    if not found:
        raise NoShadowError("There is no shadow. Build one: `clickstream shadow build`.")
    return found


def discard(settings: Settings, *, run_id: str = "discard") -> bool:
    """Removes the shadow; false if there was none. What it links to stays."""
    with alone(settings, run_id):
        return _remove(settings)


def _remove(settings: Settings) -> bool:
    place = folder(settings)
    if not place.exists():
        return False
    shutil.rmtree(place)
    return True
