"""What this machine and home lack, each finding with its exact fix."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import socket
import sys
import tomllib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import psutil
import yaml

from clickstream_platform.engine.jars import JarError, pinned_jars
from clickstream_platform.engine.jars import verify as verify_jar
from clickstream_platform.engine.java import JavaMissingError, find_java, java_version
from clickstream_platform.engine.server import Engine
from clickstream_platform.settings import PROJECT_ROOT, Settings, user_environment

PYTHON = (3, 11)
DISK_WARN_BYTES = 5 * 2**30
DISK_FAIL_BYTES = 2**29
UI_PORT = 3000
_PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([A-Za-z0-9.+!*]+)$")
_UNITS = {"k": 2**10, "m": 2**20, "g": 2**30}
Verdict = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Finding:
    """One thing looked at; `fix` is what to do about it, empty if it is well."""

    check: str
    verdict: Verdict
    found: str
    fix: str = ""


def examine(settings: Settings) -> list[Finding]:
    """Every finding, in the order in which one would repair them."""
    looks: tuple[Callable[[Settings], Finding], ...] = (
        *(python, packages, java, jars, home, disk, memory),
        *(engine, dagster_home, dagster_yaml, ui_port),
    )
    return [look(settings) for look in looks]


def python(settings: Settings) -> Finding:
    """The Python this package is pinned for."""
    del settings
    found = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info[:2] == PYTHON:
        return Finding("python", "ok", found)
    wanted = ".".join(str(part) for part in PYTHON)
    fix = f"Install Python {wanted} and run `make setup`, which builds .venv with it."
    return Finding("python", "fail", f"{found}, need {wanted}", fix)


def packages(settings: Settings, pyproject: Path = PROJECT_ROOT / "pyproject.toml") -> Finding:
    """Installed versions against the exact pins of pyproject.toml."""
    del settings
    if pyproject.is_file():
        wanted = tomllib.loads(pyproject.read_text())["project"]["dependencies"]
    else:
        wanted = importlib.metadata.requires("clickstream-platform") or []
    pins = [match.groups() for text in wanted if (match := _PIN.match(text.replace(" ", "")))]
    wrong = []
    for name, version in pins:
        try:
            found = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found = "missing"
        if found != version:
            wrong.append(f"{name} {found}, pinned {version}")
    if wrong:
        return Finding("packages", "fail", "; ".join(wrong), "Run `make setup`.")
    return Finding("packages", "ok", f"{len(pins)} packages as pinned")


def java(settings: Settings) -> Finding:
    """Java 17 or newer; not needed where a remote engine is set."""
    if settings.engine.remote is not None:
        return Finding("java", "ok", "not needed: engine.remote is set")
    try:
        path = find_java()
    except JavaMissingError as error:
        problem, _, fix = str(error).partition(". ")
        return Finding("java", "fail", problem, fix)
    return Finding("java", "ok", f"{java_version(path)} at {path}")


def jars(settings: Settings) -> Finding:
    """The engine's JARs by checksum."""
    if settings.engine.remote is not None:
        return Finding("jars", "ok", "not needed: engine.remote is set")
    folder = settings.engine.jars_dir.expanduser().resolve()
    pinned = pinned_jars()
    fetch = "Run `python -m clickstream_platform.engine.jars` (needs the network once)."
    missing = [jar.file_name for jar in pinned if not (folder / jar.file_name).is_file()]
    if missing:
        return Finding("jars", "fail", f"not in {folder}: {', '.join(missing)}", fetch)
    for jar in pinned:
        try:
            verify_jar(folder / jar.file_name, jar)
        except JarError:
            path = folder / jar.file_name
            return Finding("jars", "fail", f"{path} is not the pinned one", f"`rm {path}`. {fetch}")
    return Finding("jars", "ok", f"{len(pinned)} verified in {folder}")


def home(settings: Settings) -> Finding:
    """Whether the data root, or the folder it would be made in, can be written."""
    folder = _existing(settings.home)
    if folder.is_dir() and os.access(folder, os.W_OK | os.X_OK):
        made = "" if folder == settings.home else " (made on first use)"
        return Finding("home", "ok", f"{settings.home}{made}")
    fix = f"`sudo chown -R $(id -u) {folder}`, or name another folder with CLICKSTREAM_HOME."
    return Finding("home", "fail", f"{settings.home}: {folder} cannot be written", fix)


def disk(settings: Settings) -> Finding:
    """Free space where the data lies."""
    free = shutil.disk_usage(_existing(settings.home)).free
    words = f"{free / 2**30:.1f} GiB free"
    if free >= DISK_WARN_BYTES:
        return Finding("disk", "ok", words)
    fix = "Free space, or put the data elsewhere with CLICKSTREAM_HOME."
    return Finding("disk", "fail" if free < DISK_FAIL_BYTES else "warn", words, fix)


def memory(settings: Settings) -> Finding:
    """Memory against what the engine may take."""
    if settings.engine.remote is not None:
        return Finding("memory", "ok", "engine.remote is set")
    wanted = _bytes(settings.engine.driver_memory)
    found = psutil.virtual_memory()
    words = (
        f"{found.total / 2**30:.1f} GiB, {found.available / 2**30:.1f} GiB free; the engine may "
        f"take {settings.engine.driver_memory}"
    )
    fix = "Lower it: CLICKSTREAM_ENGINE__DRIVER_MEMORY=2g (1g is the least that works well)."
    if found.total < wanted:
        return Finding("memory", "fail", words, fix)
    runs = Engine(settings).status().state == "running"
    if found.available < wanted and not runs:
        return Finding("memory", "warn", words, f"Close other programs. {fix}")
    return Finding("memory", "ok", words)


def engine(settings: Settings) -> Finding:
    """The warm Spark: running, startable, or crashed."""
    status = Engine(settings).status()
    if status.state == "crashed":
        fix = "It starts again by itself; `clickstream logs --service engine` says why."
        return Finding("engine", "warn", f"crashed; {status.last_exit or 'nobody saw how'}", fix)
    if status.state == "running":
        return Finding("engine", "ok", f"running on port {status.port}, pid {status.pid}")
    return Finding("engine", "ok", status.url or status.state)


def dagster_home(settings: Settings) -> Finding:
    """DAGSTER_HOME, which our commands set by themselves."""
    wanted = settings.dagster_home
    given = user_environment().get("DAGSTER_HOME")
    if given is None:
        return Finding("DAGSTER_HOME", "ok", f"{wanted} (set by our commands)")
    if Path(given).expanduser().resolve() == wanted:
        return Finding("DAGSTER_HOME", "ok", str(wanted))
    fix = f"`export DAGSTER_HOME={wanted}` before a bare `dagster` command, or unset it."
    return Finding("DAGSTER_HOME", "warn", f"{given}, this home uses {wanted}", fix)


def dagster_yaml(settings: Settings) -> Finding:
    """The instance's settings, which are linked into the home."""
    linked = settings.dagster_home / "dagster.yaml"
    path = linked if linked.exists() else PROJECT_ROOT / "dagster.yaml"
    restore = f"`git -C {PROJECT_ROOT} checkout dagster.yaml`."
    if not path.is_file():
        return Finding("dagster.yaml", "fail", f"{path} is missing", restore)
    try:
        content = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        words = f"{path} is no YAML: {' '.join(str(error).split())}"
        return Finding("dagster.yaml", "fail", words, f"Repair it, or {restore}")
    if not isinstance(content, dict):
        return Finding("dagster.yaml", "fail", f"{path} holds no settings", restore)
    return Finding("dagster.yaml", "ok", str(path))


def ui_port(settings: Settings, port: int = UI_PORT) -> Finding:
    """The port of `dagster dev`."""
    del settings
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            fix = f"If that is not your `dagster dev`: start ours with `dagster dev -p {port + 1}`."
            return Finding("ui port", "warn", f"{port} is in use", fix)
    return Finding("ui port", "ok", f"{port} is free")


def as_object(findings: list[Finding]) -> dict[str, object]:
    """The findings as one JSON object."""
    ok = not any(finding.verdict == "fail" for finding in findings)
    return {"ok": ok, "checks": [asdict(finding) for finding in findings]}


def _existing(path: Path) -> Path:
    """`path`, or the nearest folder above it that exists."""
    return next(folder for folder in (path, *path.parents) if folder.exists())


def _bytes(memory_size: str) -> int:
    return int(memory_size[:-1]) * _UNITS[memory_size[-1]]
