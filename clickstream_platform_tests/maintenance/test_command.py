"""`clickstream maintain`, and the job that does the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest
from click.testing import CliRunner, Result

from clickstream_platform import cli
from clickstream_platform.definitions import defs
from clickstream_platform.settings import settings
from clickstream_platform.storage import delta, leases
from clickstream_platform.storage.owners import this_process
from clickstream_platform.tables.ops import CONSERVATION_LEDGER
from clickstream_platform_tests.maintenance.homes import HOURS, append_lines, home
from clickstream_platform_tests.maintenance.test_purge import OLD, put

NAME = CONSERVATION_LEDGER.path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home with six small files in one closed hour, and an old log."""
    monkeypatch.setenv("CLICKSTREAM_HOME", str(tmp_path))
    settings.cache_clear()
    workspace = home(tmp_path)
    for number in range(6):
        append_lines(workspace, HOURS[0], number)
    put(workspace.settings.logs / "runs.jsonl.1", OLD)
    yield tmp_path
    settings.cache_clear()


@pytest.fixture
def call(folder: Path) -> Callable[..., Result]:
    return lambda *given: CliRunner().invoke(cli.main, ["--home", str(folder), "maintain", *given])


def version(folder: Path) -> int:
    return delta.version(folder / "lake", CONSERVATION_LEDGER)


def test_the_plan_is_what_is_done_afterwards(folder: Path, call: Callable[..., Result]) -> None:
    planned = json.loads(call("--dry-run", "--json").stdout)
    assert version(folder) == 6
    assert planned["dry_run"]
    [table] = planned["tables"]
    assert (table["table"], table["files"], table["files_after"]) == (NAME, 6, 1)
    assert [part["partition"] for part in table["crowded"]] == [HOURS[0]]
    assert table["small_share"] == 1.0
    assert planned["leftovers"] == {"rotated log": {"count": 1, "size": 10}}
    assert (folder / "logs" / "runs.jsonl.1").exists()

    [done] = json.loads(call("--json").stdout)["tables"]
    assert done["done"]["files"] == table["files_after"]
    assert version(folder) == 7
    assert not (folder / "logs" / "runs.jsonl.1").exists()
    [after] = json.loads(call("--dry-run", "--json").stdout)["tables"]
    assert (after["files"], after["crowded"], after["small_share"]) == (1, [], 0.0)
    assert after["note"]["optimized_at"] is not None


def test_the_plan_for_people_names_tables_and_numbers(call: Callable[..., Result]) -> None:
    done = call("--dry-run")
    assert done.exit_code == 0
    [row] = [line for line in done.stdout.splitlines() if NAME in line]
    cells = [cell.strip() for cell in row.strip("│").split("│")]
    assert cells[:4] == [NAME, "1", "6", "1"]
    assert cells[-2:] == ["never", "never"]
    assert "rotated log: 1 to remove" in done.stdout


def test_one_table_alone_leaves_logs_where_they_are(
    folder: Path, call: Callable[..., Result]
) -> None:
    assert call("--table", "silver/events").exit_code == 0
    assert version(folder) == 6
    assert call("--table", NAME).exit_code == 0
    assert version(folder) == 7
    assert (folder / "logs" / "runs.jsonl.1").exists()


def test_wrong_names_and_a_second_upkeep_are_told(
    folder: Path, call: Callable[..., Result]
) -> None:
    wrong = call("--table", "silver/event")
    assert wrong.exit_code == 2
    assert "There is no table 'silver/event'" in wrong.stderr
    with leases.held(folder / "state", "maintain", ["all"], owner=this_process("other")):
        busy = call()
    assert busy.exit_code == 1
    assert "Upkeep runs already" in busy.stderr


def test_the_job_tells_what_it_did(folder: Path) -> None:
    result = defs.resolve_job_def("maintain").execute_in_process(
        instance=dg.DagsterInstance.ephemeral()
    )
    assert result.success
    [event] = [e for e in result.all_events if e.event_type_value == "STEP_OUTPUT"]
    metadata = event.step_output_data.metadata
    assert metadata["hours_compacted"].value == 1
    assert (metadata["files_before"].value, metadata["files_after"].value) == (6, 1)
    assert metadata["leftovers_removed"].value == 1
    assert version(folder) == 7
