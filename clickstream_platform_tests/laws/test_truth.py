"""What the generator really did is what gold says: every session, every order, every robot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from clickstream_platform.build.workspace import Workspace
from clickstream_platform.generator.bots import BEHAVIOURS
from clickstream_platform.generator.options import Options, Rates
from clickstream_platform.generator.run import generate_batch
from clickstream_platform.tables.facts import FACT_SESSIONS, FACT_TRANSACTIONS
from clickstream_platform.tables.quality import BOT_VISITORS_HOURLY
from clickstream_platform_tests.homes import bring_up, rows, verified

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
START_MS = 1_732_917_600_000  # 2024-11-29T22: across midnight
# All faults but damaged lines, some of which are repaired into events that no session planned.
FAULTS = Rates(duplicates=0.05, late=0.1, future=0.005, malformed=0.0, repeats=0.3)
SEED = 550_077  # used nowhere else
Row = dict[str, Any]


@dataclass(frozen=True)
class Shop:
    workspace: Workspace
    truth: Path

    def told(self, name: str) -> list[Row]:
        return pq.read_table(self.truth / f"{name}.parquet").to_pylist()


@pytest.fixture(scope="module")
def shop(
    new_workspace: Callable[..., Workspace], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("truth")
    workspace = new_workspace(folder / "home")
    options = Options(
        workspace.settings.landing, START_MS, hours=4, events=3_000, seed=SEED,
        bots=2 * len(BEHAVIOURS), rates=FAULTS, truth=folder / "truth",
    )  # fmt: skip
    generate_batch(options, lambda _: None)
    bring_up(workspace)
    verified(workspace)
    yield Shop(workspace, folder / "truth")


def test_every_session_of_a_human_is_recovered(shop: Shop) -> None:
    robots = {row["visitor"] for row in shop.told("bots")}
    names = ("started_at", "ended_at", "event_count")
    planned = [
        (row["visitor"], *(row[name] for name in names))
        for row in shop.told("sessions")
        if not row["is_bot"]
    ]
    found = [
        (row["visitor_id"], *(row[name] for name in names), row["client_sessions"])
        for row in rows(shop.workspace, FACT_SESSIONS)
        if row["visitor_id"] not in robots
    ]
    assert len(planned) > 300
    assert sorted(found) == sorted((*session, 1) for session in planned)
    midnight = [row for row in planned if row[1].day != row[2].day]
    assert midnight, "some cross midnight"


def test_every_order_is_recovered_once_to_the_cent(shop: Shop) -> None:
    names = ("transaction_id", "ordered_at", "value")
    told = shop.told("orders")
    planned = sorted((row["visitor"], *(row[name] for name in names)) for row in told)
    found = [
        (row["visitor_id"], *(row[name] for name in names))
        for row in rows(shop.workspace, FACT_TRANSACTIONS)
    ]
    assert sorted(found) == planned
    assert sum(row["repeats"] for row in told) > 0, "some purchases were sent again"


def test_robots_are_found_with_their_events_in_silver(shop: Shop) -> None:
    robots = {row["visitor"]: row["behaviour"] for row in shop.told("bots")}
    signs = rows(shop.workspace, BOT_VISITORS_HOURLY)
    flagged = {row["visitor_id"] for row in signs if row["is_bot"]}
    humans = {row["visitor"] for row in shop.told("sessions") if not row["is_bot"]}
    found = Counter(robots.get(visitor, "human") for visitor in flagged)
    print(f"robots found by kind: {dict(sorted(found.items()))} of {len(humans)} humans")
    assert sum(found[kind] for kind in BEHAVIOURS) / len(flagged) >= 0.98, found
    assert sum(found[kind] for kind in BEHAVIOURS) / len(robots) >= 0.95, found
