"""What `make dev` does with a Dagster that ends by itself, tried with a shell in its place."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from clickstream_platform.running import dev


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    """The signals are this process's own again afterwards."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def run(folder: Path, script: str) -> tuple[int, int]:
    """The exit code, and how often it was started."""
    count = folder / "count"
    command = ["sh", "-c", f"echo started >> {count}; {script}"]
    with (folder / "log").open("ab") as log:
        code = dev.keep_running(command, folder, dict(os.environ), log)
    return code, len(count.read_text().splitlines())


def asked_at(folder: Path, *, start: int) -> str:
    """Ends by itself until it was started so often; then its parent, which is us, is to stop."""
    return (
        f"test $(wc -l < {folder}/count) -lt {start} && exit 1; "
        f"kill -TERM {os.getpid()}; exec sleep 60"
    )


def test_one_that_never_lives_long_is_given_up(tmp_path: Path) -> None:
    assert run(tmp_path, "exit 3") == (3, 1 + dev.MAX_DEATHS)


def test_it_is_started_again_until_somebody_wants_an_end(tmp_path: Path) -> None:
    assert run(tmp_path, asked_at(tmp_path, start=2)) == (0, 2)


def test_each_long_life_forgives_the_deaths_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dev, "LONG_LIFE_S", -1.0)  # every life is long
    assert run(tmp_path, asked_at(tmp_path, start=7)) == (0, 7)
