"""The word check finds what it is for, and lets the rest alone."""

import sys

import pytest

from clickstream_platform.settings import PROJECT_ROOT

sys.path.insert(0, str(PROJECT_ROOT / "scripts"))
import check_words


@pytest.mark.parametrize(
    "line",
    [
        '.option("mode", "DROPMALFORMED")',
        '.option("failOnDataLoss", "false")',
        "failOnDataLoss=false",
        "spark.sql.files.ignoreCorruptFiles true",
        'index = "https://' + "pypi" + '.org/simple"',
        "sys.path.append('/root/project')",
        "cd /work/main",
    ],
)
def test_a_forbidden_word_is_found_with_its_line(line: str) -> None:
    found = list(check_words.findings("clickstream_platform/a.py", f"fine\n{line}\n"))
    assert [entry.split(": ")[0] for entry in found] == ["clickstream_platform/a.py:2"]


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("docs/OPERATIONS.md", "We never set DROPMALFORMED."),
        ("clickstream_platform/a.py", '.option("failOnDataLoss", "true")'),
        ("clickstream_platform/a.py", 'Path("a/work/b")'),
        (".ci/run", ".github/workflows/ci.yml"),
        ("README.md", "https://github.com/dagster-io/dagster"),
    ],
)
def test_other_words_pass(name: str, line: str) -> None:
    assert list(check_words.findings(name, line)) == []


def test_a_lock_file_holds_no_address() -> None:
    assert len(list(check_words.findings("requirements.lock", "# from https://example.test"))) == 1


def test_this_project_is_clean(capsys: pytest.CaptureFixture[str]) -> None:
    assert check_words.main() == 0, capsys.readouterr().out
