"""Real shop traffic (REES46, October and November 2019) against numbers counted with DuckDB."""

from __future__ import annotations

import gzip
import os
import warnings
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from clickstream_platform.build.workspace import Workspace
from clickstream_platform.settings import PROJECT_ROOT
from clickstream_platform.tables.bronze import BRONZE_EVENTS
from clickstream_platform.tables.gold import FACT_TRANSACTIONS
from clickstream_platform.tables.silver import SILVER_DUPLICATES, SILVER_EVENTS, SILVER_QUARANTINE
from clickstream_platform_tests.homes import arrow, bring_up, bring_up_all, land, rows, verified

pytestmark = pytest.mark.slow
DATA = Path(os.environ.get("CLICKSTREAM_REAL_DATA", PROJECT_ROOT.parent / "shared" / "data"))


def real(name: str) -> bytes:
    path = DATA / name
    if not path.is_file():
        message = f"REAL DATA NOT TESTED: {path} is absent; set CLICKSTREAM_REAL_DATA."
        warnings.warn(message, stacklevel=2)
        pytest.skip(message)
    return path.read_bytes()


def test_three_october_hours_are_as_counted_by_others(workspace: Workspace) -> None:
    name = "rees46_multicat_2019-10-01_3h.csv.gz"
    path = land(workspace, "rees46", "2019-10-01T03", name, real(name))
    bring_up_all(workspace)
    assert len(arrow(workspace, BRONZE_EVENTS, "source")) == 17_435
    assert len(arrow(workspace, SILVER_DUPLICATES, "event_id")) == 5
    (rejected,) = rows(workspace, SILVER_QUARANTINE)
    assert rejected["reasons"] == ["column_count"]
    assert rejected["detail"] == "missing column: user_session"
    assert rejected["source_file"].startswith(f"{path}@")
    assert rejected["source_offset"] == 17_434
    accepted = rows(workspace, SILVER_EVENTS, "event_name", "event_hour", "value")
    assert len(accepted) == 17_429
    assert Counter(row["event_name"] for row in accepted) == {
        "view_item": 17_051,
        "add_to_cart": 164,
        "purchase": 214,
    }
    assert Counter(row["event_hour"] for row in accepted) == {
        "2019-10-01T00": 1_083,
        "2019-10-01T01": 121,
        "2019-10-01T02": 16_225,
    }
    bought = [row["value"] for row in accepted if row["event_name"] == "purchase"]
    assert sum(bought) == Decimal("59442.63")
    assert sum(row["value"] for row in rows(workspace, FACT_TRANSACTIONS, "value")) == sum(bought)
    report = verified(workspace)
    assert report.lines == 17_435
    assert not [note for note in report.notes if "wait" in note], "all of gold was compared"


def test_a_file_without_header_loses_neither_its_first_nor_its_last_line(
    workspace: Workspace,
) -> None:
    name = "rees46_multicat_2019-11-01_noheader.csv.gz"
    data = real(name)
    text = gzip.decompress(data)
    expected = text.split(b"\n")
    assert text.count(b"\n") == 682
    assert len(expected) == 683
    assert expected[-1] != b""
    land(workspace, "rees46_noheader", "2019-11-01T01", name, data)
    bring_up(workspace)
    stored = sorted(
        rows(workspace, BRONZE_EVENTS, "source_offset", "raw"), key=lambda row: row["source_offset"]
    )
    assert [row["source_offset"] for row in stored] == list(range(683))
    assert [row["raw"] for row in stored] == expected
    assert verified(workspace).lines == 683
