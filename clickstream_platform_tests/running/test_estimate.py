"""What a run will cost, from what the last runs of this home did."""

from __future__ import annotations

from pathlib import Path

from clickstream_platform.running.estimate import KEPT, Rates, about, estimate
from clickstream_platform.running.plan import Span

NINE, TEN = "2024-11-29T09", "2024-11-29T10"
PHASE = "silver, gold"


def test_a_run_takes_as_long_as_the_last_one_of_about_its_size(tmp_path: Path) -> None:
    rates = Rates.of(tmp_path / "state")
    assert rates.seconds(PHASE, 10) is None
    rates.note(PHASE, 1_000_000, 20.0)
    rates.note(PHASE, 400_000_000, 100.0)
    assert rates.seconds(PHASE, 800_000_000) == 200.0
    assert rates.seconds(PHASE, 2_000_000) == 40.0
    assert rates.seconds(PHASE, 10) == 10.0  # no small run is free
    assert rates.seconds("bronze", 10) is None


def test_only_the_last_runs_are_kept(tmp_path: Path) -> None:
    rates = Rates.of(tmp_path)
    rates.note(PHASE, 5, 1000.0)
    for _ in range(KEPT):
        rates.note(PHASE, 1_000_000, 30.0)
    assert rates.seconds(PHASE, 5) == 15.0


def test_people_read_hours_bytes_runs_and_time(tmp_path: Path) -> None:
    rates = Rates.of(tmp_path)
    spans = [Span(NINE, NINE, (NINE,)), Span(TEN, TEN, (TEN,))]
    sizes = {NINE: 1_500_000, TEN: 1_000_000}
    said = "silver, gold: 2 hours, 2.5 MB of lines, 2 runs, "
    assert estimate(rates, PHASE, spans, sizes) == said + "nothing to compare with yet"
    rates.note(PHASE, 1_000_000, 20.0)
    assert estimate(rates, PHASE, spans, sizes) == said + "about 50 s"
    assert [about(0.2), about(89), about(600), about(9000)] == [
        "about 1 s",
        "about 89 s",
        "about 10 min",
        "about 2.5 h",
    ]
