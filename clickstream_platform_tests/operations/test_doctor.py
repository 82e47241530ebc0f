"""Each finding of the doctor, with something wrong."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner

from clickstream_platform.cli import main
from clickstream_platform.engine.jars import pinned_jars
from clickstream_platform.operations import doctor
from clickstream_platform.settings import Settings, read_settings, settings


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    return read_settings(home=tmp_path, engine={"jars_dir": tmp_path / "jars"})


def test_this_python_and_its_packages_are_as_pinned(home: Settings) -> None:
    assert doctor.python(home).verdict == "ok"
    found = doctor.packages(home)
    assert found.verdict == "ok", found
    assert int(found.found.split()[0]) > 15


def test_a_wrong_and_a_missing_package_are_named(home: Settings, tmp_path: Path) -> None:
    file = tmp_path / "pyproject.toml"
    pins = '["click==1.0", "no-such-package[extra]==2.0", "ruff"]'
    file.write_text(f"[project]\ndependencies = {pins}\n")
    found = doctor.packages(home, file)
    assert (found.verdict, found.fix) == ("fail", "Run `make setup`.")
    assert "pinned 1.0; no-such-package missing, pinned 2.0" in found.found


def test_java_that_is_not_there(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", "/no/java")
    found = doctor.java(home)
    assert found.verdict == "fail"
    assert found.fix.startswith("Install Java 17")


def test_jars_missing_and_forged(home: Settings) -> None:
    assert doctor.jars(home).verdict == "fail"
    folder = home.engine.jars_dir
    folder.mkdir()
    for jar in pinned_jars():
        (folder / jar.file_name).write_bytes(b"forged")
    found = doctor.jars(home)
    first = folder / pinned_jars()[0].file_name
    assert (found.verdict, found.found) == ("fail", f"{first} is not the pinned one")
    assert found.fix.startswith(f"`rm {first}`. Run `python -m clickstream_platform.engine.jars`")


def test_a_home_under_a_file_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert doctor.home(read_settings(home=tmp_path / "file" / "home")).verdict == "fail"
    assert doctor.home(read_settings(home=tmp_path / "new" / "home")).verdict == "ok"


def test_more_memory_than_there_is(tmp_path: Path) -> None:
    found = doctor.memory(read_settings(home=tmp_path, engine={"driver_memory": "900000g"}))
    assert found.verdict == "fail"
    assert "CLICKSTREAM_ENGINE__DRIVER_MEMORY" in found.fix


def test_a_full_disk(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    for limit, verdict in (("DISK_WARN_BYTES", "warn"), ("DISK_FAIL_BYTES", "fail")):
        monkeypatch.setattr(doctor, limit, 2**62)
        assert doctor.disk(home).verdict == verdict


def test_another_dagster_home_is_a_warning(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    assert doctor.dagster_home(home).verdict == "ok"
    monkeypatch.setenv("DAGSTER_HOME", "/elsewhere")
    found = doctor.dagster_home(home)
    assert (found.verdict, found.found) == (
        "warn",
        f"/elsewhere, this home uses {home.dagster_home}",
    )


def test_a_broken_dagster_yaml(home: Settings) -> None:
    home.dagster_home.mkdir()
    file = home.dagster_home / "dagster.yaml"
    for text, words in (("a: [", "is no YAML"), ("just words", "holds no settings")):
        file.write_text(text)
        found = doctor.dagster_yaml(home)
        assert found.verdict == "fail"
        assert words in found.found


def test_a_taken_port_is_a_warning(home: Settings) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert doctor.ui_port(home, taken.getsockname()[1]).verdict == "warn"


def test_the_command_ends_with_3_if_something_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLICKSTREAM_HOME", str(tmp_path))
    monkeypatch.setenv("JAVA_HOME", "/no/java")
    done = CliRunner().invoke(main, ["--home", str(tmp_path), "doctor", "--json"])
    shown = CliRunner().invoke(main, ["--home", str(tmp_path), "doctor"])
    settings.cache_clear()
    found = json.loads(done.stdout)
    assert (done.exit_code, shown.exit_code, found["ok"]) == (3, 3, False)
    assert [check["verdict"] for check in found["checks"] if check["check"] == "java"] == ["fail"]
    assert "→ Install Java 17" in shown.stdout
