"""A replay from the command line: prepare it, then rebuild what is stale through Dagster."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from clickstream_platform.build.replay import Decision, Selection, prepare_replay, selected_lines
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.engine.client import shared_session
from clickstream_platform.running.work import Request, bring_up_to_date
from clickstream_platform.settings import Settings


def replay(
    settings: Settings,
    chosen: Mapping[str, str | None],
    *,
    author: str,
    fix: str | None = None,
    discard: bool = False,
) -> dict[str, Any]:
    """What was decided and moved, the runs that followed, and how many lines are still rejected."""
    workspace = Workspace(settings, lambda: shared_session(settings))
    selection = Selection(**chosen)
    before = {_address(line) for line in selected_lines(workspace, selection)}
    prepared = prepare_replay(
        workspace,
        selection,
        Decision(author=author, fix=fix, discard=discard),
        run_id=f"replay-{uuid.uuid4()}",
    )
    runs: tuple[str, ...] = ()
    if not discard:
        runs = bring_up_to_date(settings, Request(), on_plan=_silent).run_ids
    left = before & {_address(line) for line in selected_lines(workspace, Selection())}
    return {**asdict(prepared), "runs": list(runs), "still_rejected": len(left)}


def _address(line: Mapping[str, Any]) -> tuple[str, int]:
    return line["source_file"], line["source_offset"]


def _silent(_: str, __: int) -> Callable[[int], None]:
    return lambda _hours: None
