"""What came to a table since a version; a rebuild is due where more happened than appends."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from clickstream_platform.storage import appended, delta, hour_state
from clickstream_platform.storage.appended import appended_files
from clickstream_platform.tables.ops import HOUR_STATE
from clickstream_platform_tests.storage.test_hour_state import BUILT


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """A table whose versions 1, 2 and 3 appended one row each."""
    delta.init_table(tmp_path, HOUR_STATE, None)
    for version in (1, 2, 3):
        hour_state.record(tmp_path, [replace(BUILT, version=version)], run_id="r")
    return tmp_path


def test_it_is_the_rows_of_the_versions_after_and_up_to(lake: Path) -> None:
    files = appended_files(lake, HOUR_STATE, since=1, until=3)
    assert files is not None
    found = {f.version: pq.read_table(f.path)["version"].to_pylist() for f in files}
    assert found == {2: [2], 3: [3]}
    assert appended_files(lake, HOUR_STATE, since=3, until=3) == []


def test_a_compaction_brings_nothing_and_takes_nothing(lake: Path) -> None:
    table = DeltaTable(delta.location(lake, HOUR_STATE))
    table.optimize.compact()
    before = appended_files(lake, HOUR_STATE, since=1, until=3)
    assert appended_files(lake, HOUR_STATE, since=1, until=4) == before


@pytest.mark.parametrize("cause", ["deleted row", "lost log", "lost file", "too long"])
def test_anything_else_is_not_told_as_appends(
    lake: Path, monkeypatch: pytest.MonkeyPatch, cause: str
) -> None:
    folder = Path(delta.location(lake, HOUR_STATE))
    until = 3
    if cause == "deleted row":
        DeltaTable(str(folder)).delete("version = 1")
        until = 4
    elif cause == "lost log":
        (folder / "_delta_log" / f"{2:020d}.json").unlink()
    elif cause == "lost file":
        for file in folder.glob("*.parquet"):
            file.unlink()
    else:
        monkeypatch.setattr(appended, "MAX_VERSIONS", 1)
    assert appended_files(lake, HOUR_STATE, since=1, until=until) is None
