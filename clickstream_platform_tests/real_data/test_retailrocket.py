"""RetailRocket's clicks of 2015 through their YAML alone; its author's sessions judge ours.

His longest pause within a session is 1,853 s, his shortest between two is 1,869 s: the idle
time-out that fits best is 1,860 s (31 minutes), and at it all pairs of a visitor's events agree.
"""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, date
from itertools import combinations
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clickstream_platform.build.workspace import Workspace
from clickstream_platform.tables.gold import FACT_EVENTS
from clickstream_platform.tables.silver import SILVER_DUPLICATES, SILVER_QUARANTINE
from clickstream_platform_tests.homes import bring_up, land, rows, verified
from clickstream_platform_tests.real_data.test_rees46 import real

pytestmark = pytest.mark.slow
HIS_IDLE_S = 1860
BUSIEST_DAY = date(2015, 7, 28)
Place = tuple[str, object]  # a visitor at a moment


def clicks() -> pa.Table:
    return pq.read_table(io.BytesIO(real("retailrocket_sample_5k.parquet")))


def built(new_workspace: Callable[..., Workspace], home: Path, table: pa.Table) -> Workspace:
    workspace = new_workspace(
        home,
        first_hour="2015-05-01T00",
        last_hour="2015-10-31T23",
        sessions={"idle_s": HIS_IDLE_S},
    )
    sink = io.BytesIO()
    pq.write_table(table, sink)
    land(workspace, "retailrocket", "2015-10-01T00", "clicks.parquet", sink.getvalue())
    bring_up(workspace)
    return workspace


def his_sessions(table: pa.Table) -> dict[Place, object]:
    return {
        (str(row["visitorid"]), row["timestamp"].replace(tzinfo=UTC)): row["session_id"]
        for row in table.to_pylist()
    }


def our_sessions(workspace: Workspace) -> dict[Place, object]:
    found = rows(workspace, FACT_EVENTS, "user_id", "event_timestamp", "session_id")
    return {(row["user_id"], row["event_timestamp"]): row["session_id"] for row in found}


def pairs(sessions: dict[Place, object]) -> dict[tuple[Place, Place], bool]:
    """Whether two places of one visitor lie in one session."""
    of_visitor: defaultdict[str, list[Place]] = defaultdict(list)
    for place in sorted(sessions):
        of_visitor[place[0]].append(place)
    return {
        (one, other): sessions[one] == sessions[other]
        for places in of_visitor.values()
        for one, other in combinations(places, 2)
    }


def check(workspace: Workspace, table: pa.Table, *, copies: int) -> None:
    assert rows(workspace, SILVER_QUARANTINE) == []
    assert len(rows(workspace, SILVER_DUPLICATES)) == copies
    his, ours = pairs(his_sessions(table)), pairs(our_sessions(workspace))
    assert len(his) > 100
    assert any(his.values())
    assert ours == his
    assert verified(workspace).lines == len(table)


def test_the_busiest_day_has_its_authors_sessions(
    new_workspace: Callable[..., Workspace], tmp_path: Path
) -> None:
    table = clicks()
    days = [moment.date() == BUSIEST_DAY for moment in table["timestamp"].to_pylist()]
    day = table.filter(pa.array(days))
    assert len(day) == 130
    keys = [tuple(row.values()) for row in day.select(day.column_names[:5]).to_pylist()]
    copies = len(keys) - len(set(keys))
    check(built(new_workspace, tmp_path / "home", day), day, copies=copies)


@pytest.mark.prove
def test_all_months_have_their_authors_sessions(
    new_workspace: Callable[..., Workspace], tmp_path: Path
) -> None:
    table = clicks()
    check(built(new_workspace, tmp_path / "home", table), table, copies=3)
