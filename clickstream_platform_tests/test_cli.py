"""The command line itself: quick help, lazy commands, errors as words and exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from clickstream_platform import cli
from clickstream_platform.errors import EnvironmentProblemError
from clickstream_platform.settings import settings

SLOW = ("pyspark", "dagster", "pandas", "pandera", "pyarrow", "deltalake", "duckdb", "pydantic")
# A fresh process says what the help makes it import.
PROBE = """
import sys
from click.testing import CliRunner
from clickstream_platform.cli import main
done = CliRunner().invoke(main, ["--help"])
print(done.exit_code, [name for name in {slow} if name in sys.modules])
"""


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    """Calls `clickstream` on an empty home."""
    monkeypatch.setenv("CLICKSTREAM_HOME", str(tmp_path))
    monkeypatch.delenv("CLICKSTREAM_DEBUG", raising=False)

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(cli.main, ["--home", str(tmp_path), *arguments])

    yield invoke
    settings.cache_clear()


def _add(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def fail() -> None:
        raise error

    command = click.Command("fail", callback=fail)
    monkeypatch.setattr(sys.modules[__name__], "failing", command, raising=False)
    monkeypatch.setitem(cli.COMMANDS, "fail", cli.Lazy(f"{__name__}:failing", "Fails."))


def test_help_imports_nothing_slow() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROBE.format(slow=SLOW)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "0 []"


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_can_be_loaded(name: str) -> None:
    command = cli.main.get_command(click.Context(cli.main), name)
    assert isinstance(command, click.Command)
    assert command.name == name


def test_help_lists_every_command(call) -> None:  # noqa: ANN001
    shown = call("--help").stdout
    assert all(f"\n  {name} " in shown for name in cli.COMMANDS)


def test_version(call) -> None:  # noqa: ANN001
    assert call("--version").stdout.startswith("clickstream, version 0.")


def test_home_is_handed_to_the_settings(call, tmp_path: Path) -> None:  # noqa: ANN001
    found = json.loads(call("--home", str(tmp_path / "other"), "status", "--json").stdout)
    assert found["home"] == str(tmp_path / "other")
    assert found["tables"] == []


def test_an_unknown_command_ends_with_2_and_a_suggestion(call) -> None:  # noqa: ANN001
    done = call("statsu")
    assert done.exit_code == 2
    assert "Did you mean status?" in done.stderr


def test_our_own_error_is_words_and_its_exit_code(call, monkeypatch) -> None:  # noqa: ANN001
    _add(monkeypatch, EnvironmentProblemError("No Java. Install it."))
    done = call("fail")
    assert (done.exit_code, done.stderr) == (3, "Error: No Java. Install it.\n")


def test_an_unexpected_error_is_one_line_and_logged(call, tmp_path: Path, monkeypatch) -> None:  # noqa: ANN001
    _add(monkeypatch, ZeroDivisionError("division\nby zero"))
    done = call("fail")
    log = tmp_path / "logs" / "cli.jsonl"
    assert done.exit_code == 3
    assert done.stderr.splitlines() == [
        "Unexpected ZeroDivisionError: division by zero",
        f"The traceback is in {log}; --debug shows it here.",
    ]
    [line] = log.read_text().splitlines()
    entry = json.loads(line)
    assert (entry["level"], entry["service"], entry["command"]) == ("error", "cli", "fail")
    assert "ZeroDivisionError" in entry["exception"]


@pytest.mark.parametrize("how", ["--debug", "variable"])
def test_debug_shows_the_traceback(call, monkeypatch, how: str) -> None:  # noqa: ANN001
    _add(monkeypatch, ZeroDivisionError("boom"))
    if how == "variable":
        monkeypatch.setenv("CLICKSTREAM_DEBUG", "1")
    done = call(*([how] if how == "--debug" else []), "fail")
    assert done.exit_code == 3
    assert "Traceback (most recent call last)" in done.stderr


def test_a_wrong_setting_is_words(call, monkeypatch) -> None:  # noqa: ANN001
    monkeypatch.setenv("CLICKSTREAM_FIRST_HOUR", "noon")
    done = call("status")
    assert done.exit_code == 2
    assert "first_hour" in done.stderr
