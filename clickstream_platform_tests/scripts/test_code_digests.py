"""Code that decides rows does not change unnoticed: its digest is pinned beside its number."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from clickstream_platform.settings import PROJECT_ROOT

sys.path.insert(0, str(PROJECT_ROOT / "scripts"))

import code_digests  # a script, not a package


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    package = "clickstream_platform"
    shutil.copytree(PROJECT_ROOT / package, tmp_path / package)
    return tmp_path


def changed(copy: Path, path: str, old: str, new: str) -> set[str]:
    """The layers whose digest changes with the text of the file."""
    before = code_digests.found(copy)
    file = copy / "clickstream_platform" / path
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    after = code_digests.found(copy)
    return {name for name, layer in after.items() if layer != before[name]}


def test_the_code_that_decides_rows_is_as_it_was_pinned() -> None:
    told = code_digests.differences(code_digests.found(), code_digests.pinned())
    assert not told, "\n".join(told)


def test_a_layer_that_is_not_as_pinned_names_its_number_and_the_command() -> None:
    now = code_digests.found()
    then = {**now, "gold": {"numbers": {"GOLD_CODE": "6"}, "digest": "another"}}
    [told] = code_digests.differences(now, then)
    assert "GOLD_CODE" in told
    assert "make digests" in told


@pytest.mark.parametrize(
    ("path", "old", "new", "layers"),
    [
        ("transforms/revenue_5min.py", "F.sum(", "F.max(", {"gold"}),
        ("transforms/judge.py", "def judge(", "LIMIT = 1\n\n\ndef judge(", {"silver"}),
        ("transforms/known_sources.yaml", "", "another: 1\n", {"silver"}),
        ("transforms/catalogue.py", "\n\n\n", "\n\n\nLIMIT = 1\n\n\n", {"catalogue"}),
        ("build/workspace.py", 'GOLD_CODE = "', 'GOLD_CODE = "1', {"gold"}),
        ("build/gold.py", "def _record(", "def _note(", set()),
        ("transforms/revenue_5min.py", '"""', '"""Another word. ', set()),
        ("transforms/judge.py", "def judge(", "# A comment.\ndef judge(", set()),
        ("tables/silver.py", "Kept when a tracker resends", "Kept if a tracker resends", set()),
    ],
)
def test_what_rows_follow_from_counts_and_words_do_not(
    copy: Path, path: str, old: str, new: str, layers: set[str]
) -> None:
    assert changed(copy, path, old, new) == layers
