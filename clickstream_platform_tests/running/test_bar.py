"""The bars of `run` and `shadow build` say the time left of phases whose chunks take minutes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from rich.console import Console
from rich.progress import Progress

from clickstream_platform.running import command
from clickstream_platform.running.bar import began
from clickstream_platform.shadow import command as shadow


def _of_run() -> Progress:
    return command._progress(Console(stderr=True))


@pytest.mark.parametrize("new_bar", [_of_run, shadow._bar])
def test_time_left_is_known_from_the_first_chunk_on_however_long_it_took(
    new_bar: Callable[[], Progress],
) -> None:
    bar = new_bar()
    now = 0.0
    bar.get_time = lambda: now
    task = began(bar, "silver, gold", 100)

    now = 600.0
    bar.advance(task, 25)
    assert bar.tasks[0].time_remaining == 1_800
    now = 1_600.0
    bar.advance(task, 25)
    assert bar.tasks[0].time_remaining == 1_600


def test_every_phase_of_run_has_such_a_bar() -> None:
    bar = _of_run()
    now = 0.0
    bar.get_time = lambda: now
    advance = command._planner(bar)("bronze", 4)

    now = 300.0
    advance(1)
    assert bar.tasks[0].time_remaining == 900
