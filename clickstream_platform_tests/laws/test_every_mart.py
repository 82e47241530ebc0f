"""Every gold table equals its definition on days with all faults, with robots and without."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from clickstream_platform.build.workspace import Workspace
from clickstream_platform.generator.bots import BEHAVIOURS
from clickstream_platform.generator.options import Options, Rates
from clickstream_platform.generator.run import generate_batch
from clickstream_platform.tables.gold import DAILY, GOLD, SNAPSHOTS
from clickstream_platform_tests.homes import arrow, bring_up_all, verified

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]
START_MS = 1_732_838_400_000  # 2024-11-29T00, a Friday
FAULTS = Rates(
    duplicates=0.05, late=0.1, future=0.005, malformed=0.01, repeats=0.3, anomaly_rate=0.01
)
# Anomalies ask for weeks before (transforms/test_anomalies.py has them); the generator's repeated
# purchases do not contradict.
MAY_BE_EMPTY = {"gold/anomalies", "gold/transaction_conflicts"}
OF_A_DAY = {"gold/product_affinity"}  # no pair of products is in two baskets


@dataclass(frozen=True)
class Span:
    hours: int
    events: int
    bots: int


@pytest.mark.parametrize(
    "span",
    [
        pytest.param(Span(26, 1_500, len(BEHAVIOURS)), marks=pytest.mark.long, id="a day, robots"),
        pytest.param(Span(168, 20_000, 3 * len(BEHAVIOURS)), marks=pytest.mark.prove, id="robots"),
        pytest.param(Span(168, 20_000, 0), marks=pytest.mark.prove, id="no robots"),
    ],
)
def test_every_gold_table_equals_its_definition(
    span: Span, new_workspace: Callable[..., Workspace], tmp_path: Path
) -> None:
    workspace = new_workspace(tmp_path / "home")
    options = Options(
        workspace.settings.landing, START_MS, hours=span.hours, events=span.events,
        seed=660_001 + span.bots, bots=span.bots, rates=FAULTS,
    )  # fmt: skip
    generate_batch(options, lambda _: None)
    bring_up_all(workspace)
    report = verified(workspace)
    assert not [note for note in report.notes if "wait" in note], "every table was compared"
    assert report.duplicates and report.quarantined
    empty = {t.path for t in (*GOLD, *DAILY, *SNAPSHOTS) if not len(arrow(workspace, t))}
    robots = set() if span.bots else {"gold/bot_visitors_hourly"}
    affinity = OF_A_DAY if span.hours < 48 else set()
    assert empty <= MAY_BE_EMPTY | robots | affinity
