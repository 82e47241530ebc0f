"""`verify` on tables that an older version made: it says so, and what brings them up to date."""

from __future__ import annotations

from pathlib import Path

import pytest
from deltalake import DeltaTable, write_deltalake

from clickstream_platform.oracle.verify import verify
from clickstream_platform.settings import read_settings
from clickstream_platform_tests.oracle import tiny_home as tiny


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("silver/events", "page_location"),
        ("gold/fact_sessions", "is_engaged"),
    ],
)
def test_a_table_without_a_column_names_it_and_the_fix(
    tmp_path: Path, table: str, column: str
) -> None:
    tiny.build(tmp_path)
    settings = read_settings(home=tmp_path)
    stored = DeltaTable(str(settings.lake / table))
    rows = stored.to_pyarrow_table().drop_columns([column])
    write_deltalake(stored, rows, mode="overwrite", schema_mode="overwrite")
    report = verify(settings, tables=[table])
    [found] = [finding for law in report.laws for finding in law.findings if finding.key]
    assert found.key == {"column": column}
    assert found.problem.startswith("missing column") and "`clickstream run`" in found.problem
