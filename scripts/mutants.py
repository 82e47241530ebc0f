"""Applies each committed mutant to a copy of the project; the tests it names must turn red.

A mutant is `clickstream_platform_tests/mutants/<name>.patch`; its README tells the form. The
checkout is only read: all work happens in a temporary copy that shares `.venv` and `.jars`.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "clickstream_platform"
FOLDER = Path("clickstream_platform_tests/mutants")
SHARED = (".venv", ".jars")
TIMEOUT_S = 300.0
PYTEST_FAILED = 1  # pytest's exit code for "tests ran, some failed"
KILLED = "red, as it must be"


class MutantError(Exception):
    """The run cannot judge: a patch without header, a copy that is not what is tested."""


@dataclass(frozen=True)
class Mutant:
    """A patch, what it breaks in words, and the tests that must notice."""

    path: Path
    what: str
    red: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.path.stem


@dataclass(frozen=True)
class TestRun:
    """How pytest ended; `exit_code` is null if it took too long."""

    __test__ = False

    exit_code: int | None
    failures: int
    errors: int
    output: str
    duration_s: float


def read_mutant(path: Path) -> Mutant:
    """Raises: MutantError if the header lacks `# what:` or `# red:`."""
    header: dict[str, list[str]] = {"what": [], "red": []}
    for line in path.read_text().splitlines():
        if not line.startswith("#"):
            break
        key, _, value = line.lstrip("# ").partition(":")
        if key in header:
            header[key].append(value.strip())
    if not header["what"] or not header["red"] or not all("::" in test for test in header["red"]):
        raise MutantError(
            f"{path}: expected the lines `# what: …` and `# red: path.py::test_name` before the "
            f"diff; see {FOLDER}/README.md."
        )
    return Mutant(path, " ".join(header["what"]), tuple(header["red"]))


def copy_project(checkout: Path, copy: Path) -> None:
    """The files git tracks or would track, as they lie now, in a repository of their own."""
    listed = _git(checkout, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in filter(None, listed.split("\0")):
        source = checkout / name
        if name not in SHARED and (source.is_file() or source.is_symlink()):
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, copy / name, follow_symlinks=False)
    for name in SHARED:
        if (checkout / name).exists():
            (copy / name).symlink_to((checkout / name).resolve())
    _git(copy, "init", "--quiet")  # else `git apply` would look for one further up


def assert_copy_is_tested(copy: Path) -> None:
    """Raises: MutantError if Python would import the package from anywhere but the copy."""
    asked = [
        *(sys.executable, "-c"),
        f"import importlib.util as u; print(u.find_spec({PACKAGE!r}).origin)",
    ]
    for folder in (copy, Path("/")):  # child processes of tests may run anywhere
        said = subprocess.run(
            asked, cwd=folder, env=_environment(copy), capture_output=True, text=True, check=True
        ).stdout.strip()
        if not Path(said).resolve().is_relative_to(copy.resolve()):
            raise MutantError(f"Tests would import {said}, not the copy in {copy}.")


def run_tests(copy: Path, tests: Sequence[str], *, timeout_s: float) -> TestRun:
    """Runs the named tests on the copy and counts what failed and what broke in set-up."""
    report = copy / ".mutants-junit.xml"
    report.unlink(missing_ok=True)
    command = [
        *(sys.executable, "-m", "pytest", "-q", "-x", "--no-header", "-p", "no:cacheprovider"),
        f"--junit-xml={report}",
        *tests,
    ]
    started = time.monotonic()
    with tempfile.TemporaryFile("w+") as output:
        child = subprocess.Popen(
            command,
            cwd=copy,
            env=_environment(copy),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        code: int | None
        try:
            code = child.wait(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
        output.seek(0)
        text = output.read()
    failures, errors = _counts(report)
    return TestRun(code, failures, errors, text, time.monotonic() - started)


def _counts(report: Path) -> tuple[int, int]:
    if not report.is_file():
        return 0, 0
    cases = list(ElementTree.parse(report).getroot().iter("testcase"))  # noqa: S314 (our own file)
    failures = sum(case.find("failure") is not None for case in cases)
    return failures, sum(case.find("error") is not None for case in cases)


@contextmanager
def applied(mutant: Mutant, copy: Path) -> Iterator[None]:
    """The copy with the mutant in it, and as before afterwards.

    Raises: MutantError if the patch does not fit.
    """
    try:
        _git(copy, "apply", str(mutant.path))
    except subprocess.CalledProcessError as error:
        raise MutantError(f"does not apply: {error.stderr.strip().splitlines()[0]}") from error
    try:
        yield
    finally:
        _git(copy, "apply", "--reverse", str(mutant.path))


def judge(mutant: Mutant, copy: Path, *, timeout_s: float) -> dict[str, tuple[str, float]]:
    """Verdict and seconds for each test the mutant names."""
    verdicts: dict[str, tuple[str, float]] = {}
    try:
        with applied(mutant, copy):
            for test in mutant.red:
                run = run_tests(copy, [test], timeout_s=timeout_s)
                verdicts[test] = (_verdict(run), run.duration_s)
    except MutantError as error:
        return {test: (str(error), 0.0) for test in mutant.red}
    return verdicts


def _verdict(run: TestRun) -> str:
    if run.exit_code is None:
        return "took too long to judge"
    if run.exit_code == 0:
        return "SURVIVED: the test stays green"
    if run.exit_code != PYTEST_FAILED or not run.failures:
        return f"no verdict: pytest exit {run.exit_code}, {run.errors} errors outside the test"
    return KILLED


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout


def _environment(copy: Path) -> dict[str, str]:
    """Ours, importing from the copy; no byte code, which could outlive the change it came from."""
    kept = {key: value for key, value in os.environ.items() if key != "CLICKSTREAM_HOME"}
    return kept | {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}


def main(arguments: Sequence[str] | None = None) -> int:
    """0 if every mutant was noticed by each test it names."""
    parser = argparse.ArgumentParser(prog="mutants", description=__doc__)
    parser.add_argument("--only", metavar="NAME", help="the mutant of this name alone")
    parser.add_argument("--timeout", type=float, default=TIMEOUT_S, help="seconds for each test")
    parser.add_argument("--checkout", type=Path, default=ROOT, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    paths = sorted((given.checkout / FOLDER).glob("*.patch"))
    if given.only:
        paths = [path for path in paths if path.stem == given.only.removesuffix(".patch")]
    if given.only and not paths:
        parser.error(f"no {given.only}.patch in {FOLDER}")
    try:
        mutants = [read_mutant(path.resolve()) for path in paths]
        return _run(mutants, given.checkout.resolve(), timeout_s=given.timeout)
    except MutantError as error:
        print(error, file=sys.stderr)
        return 1


def _run(mutants: Sequence[Mutant], checkout: Path, *, timeout_s: float) -> int:
    console = Console(soft_wrap=True)
    if not mutants:
        console.print(f"No mutants in {FOLDER}.")
        return 0
    with tempfile.TemporaryDirectory(prefix="clickstream-mutants-") as folder:
        copy = Path(folder) / "copy"
        copy.mkdir()
        copy_project(checkout, copy)
        assert_copy_is_tested(copy)
        tests = list(dict.fromkeys(test for mutant in mutants for test in mutant.red))
        console.print(f"Unpatched: {len(tests)} named tests …")
        before = run_tests(copy, tests, timeout_s=timeout_s * len(tests))
        if before.exit_code != 0:
            console.print(before.output, markup=False)
            raise MutantError("The named tests must be green before anything is broken.")
        table = Table("mutant", "verdict", "s", title="Mutants")
        table.add_column("test", overflow="fold")
        survivors = 0
        for mutant in mutants:
            for test, (verdict, duration_s) in judge(mutant, copy, timeout_s=timeout_s).items():
                survivors += verdict != KILLED
                colour = "green" if verdict == KILLED else "red"
                console.print(f"[{colour}]{mutant.name}[/]: {verdict} ({mutant.what})")
                shown = test.removeprefix("clickstream_platform_tests/")
                table.add_row(mutant.name, f"[{colour}]{verdict}", f"{duration_s:.1f}", shown)
        console.print(table)
    console.print(f"{len(mutants)} mutants, {survivors} not noticed as they must be.")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
