"""Entries from files that grow and rotate; the command that merges them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from clickstream_platform.cli import main
from clickstream_platform.errors import UsageError
from clickstream_platform.operations.log_reader import GrowingLog, parse_since
from clickstream_platform.settings import settings

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ENGINE_LOG = """\
WARNING: Using incubator modules
2026-11-20T10:00:01.500Z WARN NativeCodeLoader: Unable to load
2026-11-20T10:00:04.000Z ERROR ErrorUtils: RPC error
org.apache.spark.SparkSQLException: lost
\tat org.apache.spark.X
2026-11-20T10:00:05.000Z INFO SparkConnectServer: started
"""


def line(clock: str, event: str, level: str = "info", run_id: str | None = None) -> str:
    entry = {"ts": f"2026-11-20T{clock}Z", "level": level, "service": "run", "run_id": run_id}
    return json.dumps({**entry, "event": event, "hours": 2}) + "\n"


def test_older_files_come_first_and_rotation_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    (tmp_path / "run.jsonl.2").write_text(line("10:00:00", "a"))
    (tmp_path / "run.jsonl.1").write_text(line("10:00:01", "b"))
    path.write_text(line("10:00:02", "c"))
    log = GrowingLog(path)
    assert [entry.event for entry in log.read()] == ["a", "b", "c"]
    assert log.read() == []
    with path.open("a") as file:
        file.write(line("10:00:03", "d"))
    path.rename(tmp_path / "run.jsonl.1")
    path.write_text(line("10:00:04", "e"))
    assert [entry.event for entry in log.read()] == ["d", "e"]


def test_half_a_line_waits_for_its_end(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    whole = line("10:00:00", "a")
    path.write_text(whole[:20])
    log = GrowingLog(path)
    assert log.read() == []
    with path.open("a") as file:
        file.write(whole[20:])
    assert [entry.event for entry in log.read()] == ["a"]


def test_a_line_that_is_no_entry_is_kept_as_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    path.write_text("torn {\n")
    [entry] = GrowingLog(path).read()
    assert (entry.level, entry.event, entry.service) == ("warning", "torn {", "run")


def test_a_stack_trace_belongs_to_the_line_before(tmp_path: Path) -> None:
    path = tmp_path / "engine.log"
    path.write_text(ENGINE_LOG)
    entries = GrowingLog(path).read()
    assert [entry.level for entry in entries] == ["info", "warning", "error", "info"]
    assert entries[2].event.splitlines()[1:] == [
        "org.apache.spark.SparkSQLException: lost",
        "\tat org.apache.spark.X",
    ]
    assert entries[1].ts == datetime(2026, 11, 20, 10, 0, 1, 500_000, tzinfo=UTC)


def test_since() -> None:
    assert parse_since("10m", NOW) == NOW - timedelta(minutes=10)
    assert parse_since("2026-11-20T10:00", NOW) == datetime(2026, 11, 20, 10, tzinfo=UTC)
    with pytest.raises(UsageError, match="neither like 10m"):
        parse_since("soon", NOW)


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "engine.log").write_text(ENGINE_LOG)
    (folder / "run.jsonl").write_text(
        line("10:00:02", "began", run_id="abcdef-1")
        + line("10:00:04.500", "failed", "error", run_id="abcdef-1")
        + line("10:00:06", "other", run_id="zz")
    )
    monkeypatch.setenv("CLICKSTREAM_HOME", str(tmp_path))

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(main, ["--home", str(tmp_path), "logs", *arguments])

    yield invoke
    settings.cache_clear()


def events(done: Result) -> list[str]:
    assert done.exit_code == 0, done.output
    return [json.loads(text)["event"].split("\n")[0] for text in done.stdout.splitlines()]


def test_services_are_merged_by_time_and_filtered(call) -> None:  # noqa: ANN001
    assert events(call("--json", "--since", "2026-11-20T10:00:02"))[:5] == [
        "began",
        "ErrorUtils: RPC error",
        "failed",
        "SparkConnectServer: started",
        "other",
    ]
    assert events(call("--json", "--level", "error")) == ["ErrorUtils: RPC error", "failed"]
    assert events(call("--json", "--run", "abc")) == ["began", "failed"]
    assert events(call("--json", "--service", "run", "--level", "warning")) == ["failed"]


def test_people_see_time_level_service_run_and_fields(call) -> None:  # noqa: ANN001
    done = call("--run", "abcdef-1", "--level", "error")
    assert done.stdout == "2026-11-20 10:00:04.500 error    run [abcdef-1] failed hours=2\n"


def test_an_unknown_service_is_told(call) -> None:  # noqa: ANN001
    done = call("--service", "webserver")
    assert done.exit_code == 2
    assert "['engine', 'run']" in done.stderr
