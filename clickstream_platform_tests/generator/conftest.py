"""Generated days, and readers that know nothing of the generator but its file layout."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from clickstream_platform.generator.command import generate

Record = dict[str, Any]


@dataclass(frozen=True)
class Day:
    """A generated range and its truth, read back from the disk."""

    landing: Path
    truth: Path

    @property
    def summary(self) -> Record:
        return json.loads((self.truth / "summary.json").read_text())

    def table(self, name: str) -> list[Record]:
        return pq.read_table(self.truth / f"{name}.parquet").to_pylist()

    def files(self) -> list[Path]:
        return sorted(path for path in self.landing.rglob("*") if path.is_file())

    def bytes_by_file(self) -> dict[str, bytes]:
        return {
            path.relative_to(self.landing).as_posix(): path.read_bytes() for path in self.files()
        }

    def raw_lines(self) -> dict[str, list[bytes]]:
        return {name: data.split(b"\n")[:-1] for name, data in self.bytes_by_file().items()}

    def faulty(self, *but: str) -> set[tuple[str, int]]:
        """(file, line) of every fault other than the kinds of `but`."""
        faults = self.table("faults")
        return {(row["file"], row["line"]) for row in faults if row["kind"] not in but}

    def clean_records(self) -> list[Record]:
        """JSON lines that carry an event once: late ones, outliers and repeats are events."""
        faulty = self.faulty("late", "outlier", "repeat")
        return [
            json.loads(line)
            for name, lines in self.raw_lines().items()
            for number, line in enumerate(lines)
            if (name, number) not in faulty
        ]


def call(*arguments: object) -> Result:
    return CliRunner().invoke(generate, [str(argument) for argument in arguments])


def make_day(folder: Path, *arguments: object) -> Day:
    day = Day(folder / "landing", folder / "truth")
    result = call("--out", day.landing, "--truth", day.truth, *arguments)
    assert result.exit_code == 0, result.output
    return day


@pytest.fixture(scope="session", name="call")
def call_fixture() -> Callable[..., Result]:
    """Runs the command with these arguments."""
    return call


@pytest.fixture(scope="session", name="make_day")
def make_day_fixture() -> Callable[..., Day]:
    """Generates into a folder with these arguments, and must succeed."""
    return make_day


@pytest.fixture
def unread_day(tmp_path: Path) -> Day:
    """Where a test may generate by itself."""
    return Day(tmp_path / "landing", tmp_path / "truth")


@pytest.fixture(scope="session")
def shop_day(tmp_path_factory: pytest.TempPathFactory) -> Day:
    """A day of shape A with more faults than usual."""
    return make_day(
        tmp_path_factory.mktemp("shop"),
        *("--start", "2024-11-29T12", "--hours", 24, "--events", 20_000, "--repeats", 0.3),
        *("--malformed", 0.02, "--future", 0.01, "--late", 0.05, "--duplicates", 0.05),
        *("--anomaly-rate", 0.01, "--users", 300),
    )
