"""The mutant runner on a tiny project: who is noticed, who survives, who cannot be judged."""

import subprocess
import sys
from pathlib import Path

import pytest

from clickstream_platform.settings import PROJECT_ROOT

pytestmark = pytest.mark.long

RUNNER = PROJECT_ROOT / "scripts" / "mutants.py"
CODE = "LIMIT = 3\n\n\ndef fits(value):\n    return value <= LIMIT\n"
TESTS = (
    "from clickstream_platform import fits\n\n\n"
    "def test_limit():\n    assert fits(3)\n\n\n"
    "def test_small():\n    assert fits(1)\n"
)
TEST_FILE = "clickstream_platform_tests/test_limit.py"


def _patch(old: str, new: str, *, red: str) -> str:
    return (
        f"# what: {new}\n# red: {TEST_FILE}::{red}\n"
        "--- a/clickstream_platform/__init__.py\n+++ b/clickstream_platform/__init__.py\n"
        f"@@ -3,3 +3,3 @@\n \n def fits(value):\n-    {old}\n+    {new}\n"
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    root = tmp_path / "a project"
    for folder in ("clickstream_platform", "clickstream_platform_tests/mutants"):
        (root / folder).mkdir(parents=True)
    (root / "clickstream_platform/__init__.py").write_text(CODE)
    (root / TEST_FILE).write_text(TESTS)
    (root / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    return root


def _run(checkout: Path, patch: str, *options: str) -> subprocess.CompletedProcess[str]:
    (checkout / "clickstream_platform_tests/mutants/one.patch").write_text(patch)
    command = [sys.executable, str(RUNNER), "--checkout", str(checkout), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_a_noticed_mutant_passes_and_the_checkout_stays_as_it_was(checkout: Path) -> None:
    patch = _patch("return value <= LIMIT", "return value < LIMIT", red="test_limit")
    done = _run(checkout, patch, "--only", "one")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "red, as it must be" in done.stdout
    assert (checkout / "clickstream_platform/__init__.py").read_text() == CODE


def test_a_mutant_nobody_notices_fails_the_run(checkout: Path) -> None:
    patch = _patch("return value <= LIMIT", "return value < LIMIT", red="test_small")
    done = _run(checkout, patch)
    assert done.returncode == 1
    assert "SURVIVED" in done.stdout


@pytest.mark.parametrize(
    ("patch", "words"),
    [
        (_patch("return value > LIMIT", "return True", red="test_limit"), "does not apply"),
        (_patch("return value <= LIMIT", "return (", red="test_limit"), "no verdict"),
        (_patch("return value <= LIMIT", "return True", red="test_gone"), "must be green"),
        ("--- a/x\n+++ b/x\n", "# what:"),
    ],
    ids=["does_not_apply", "breaks_the_import", "names_no_test", "has_no_header"],
)
def test_what_cannot_be_judged_fails_the_run(checkout: Path, patch: str, words: str) -> None:
    done = _run(checkout, patch)
    assert done.returncode == 1
    assert words in done.stdout + done.stderr


@pytest.mark.slow
def test_a_test_that_hangs_is_ended_and_fails_the_run(checkout: Path) -> None:
    hang = "import time; time.sleep(600)"
    patch = _patch("return value <= LIMIT", hang, red="test_limit")
    done = _run(checkout, patch, "--timeout", "10")
    assert done.returncode == 1
    assert "took too long" in done.stdout


def test_every_committed_mutant_still_applies() -> None:
    patches = sorted((PROJECT_ROOT / "clickstream_platform_tests" / "mutants").glob("*.patch"))
    assert len(patches) >= 10
    for patch in patches:
        said = subprocess.run(
            ["git", "apply", "--check", str(patch)],
            cwd=PROJECT_ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert said.returncode == 0, f"{patch.name}: {said.stderr}"
