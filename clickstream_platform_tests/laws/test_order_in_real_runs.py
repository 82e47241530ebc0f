"""The law of order through Dagster: `clickstream run` over pieces makes what one build makes."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from clickstream_platform.build.workspace import Workspace
from clickstream_platform.engine.server import Engine
from clickstream_platform_tests.homes import bring_up, land, verified
from clickstream_platform_tests.laws.test_order_independence import (
    by_hour,
    content,
    differences,
    pieces_of,
    random_case,
)
from clickstream_platform_tests.services.daemon import Watched

pytestmark = [pytest.mark.prove, pytest.mark.timeout(3600)]
SEEDS = range(210, 230)


def test_runs_over_shuffled_pieces_make_what_one_build_makes(
    new_workspace: Callable[..., Workspace], tmp_path: Path
) -> None:
    """Twenty cases on two days, since runs cost what their hours do: three drops, hours alone and
    by force, ranges, and a run with nothing to do."""
    cases = {seed: random_case(seed, day=seed % 2) for seed in SEEDS}
    whole = new_workspace(tmp_path / "whole")
    for seed, arrivals in cases.items():
        for hour, lines in by_hour(arrivals).items():
            land(whole, "shop_json", hour, f"{seed}.json", b"\n".join(lines))
    bring_up(whole)

    runs = Watched(tmp_path / "runs")
    pieces = Workspace(runs.settings, whole.session)
    hours = sorted({hour for arrivals in cases.values() for hour, _ in arrivals})
    rng = random.Random(f"runs {SEEDS}")
    drops = [pieces_of(seed, arrivals) for seed, arrivals in cases.items()]
    try:
        for number, drop in enumerate(zip(*drops, strict=True)):
            for part, (hour, lines) in enumerate(file for files in drop for file in files):
                land(pieces, "shop_json", hour, f"{number}-{part}.json", b"\n".join(lines))
            if number == 1:
                for hour in rng.sample(hours, 2):
                    runs.call("run", "--from", hour, "--to", hour, "--exact", "--json")
                    runs.call("run", "--from", hour, "--to", hour, "--exact", "--force", "--json")
            runs.call("run", "--json")
        again = runs.call("run", "--json")
    finally:
        Engine(runs.settings).stop()

    expected = content(whole)
    assert len(expected["silver/events"]) > 80 * len(SEEDS)
    assert not differences(content(pieces), expected)
    assert again["hours"] == []
    verified(pieces)
