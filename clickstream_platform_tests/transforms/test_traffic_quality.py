"""Robots among generated visitors, against the generator's own truth."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from clickstream_platform.generator.options import Options, Rates
from clickstream_platform.generator.run import generate_batch
from clickstream_platform.transforms.agents import agent
from clickstream_platform.transforms.traffic_quality import bot_visitors_hourly

START_MS = 1_732_838_400_000  # 2024-11-29T00
CLEAN = Rates(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
EACH = 4


def event(line: dict[str, Any]) -> dict[str, Any]:
    """What the transform reads of an accepted event."""
    return {
        "event_hour": line["timestamp"][:13],
        "visitor_id": line["anonymous_id"],
        "event_timestamp": datetime.fromisoformat(line["timestamp"]),
        "is_order": line["event_type"] == "purchase",
        "user_agent": line["user_agent"],
        "is_declared_bot": agent(line["user_agent"]).is_declared_bot,
    }


@pytest.mark.slow
def test_robots_are_found_by_kind_and_no_human_is_called_one(
    spark: SparkSession, tmp_path: Path
) -> None:
    truth = tmp_path / "truth"
    options = Options(
        tmp_path / "landing",
        START_MS,
        hours=6,
        events=6_000,
        seed=20_241,
        bots=6 * EACH,
        rates=CLEAN,
        truth=truth,
    )
    generate_batch(options, lambda _: None)
    accepted = {  # silver keeps one event per id and hour
        (line["timestamp"][:13], line["event_id"]): event(line)
        for file in sorted((tmp_path / "landing").rglob("*.jsonl"))
        for line in map(json.loads, file.read_text().splitlines())
    }
    events = spark.createDataFrame(pa.Table.from_pylist([*accepted.values()]))
    flagged = bot_visitors_hourly(events).where("is_bot").toArrow()["visitor_id"].to_pylist()
    robots = {
        row["visitor"]: row["behaviour"]
        for row in pq.read_table(truth / "bots.parquet").to_pylist()
    }
    assert set(flagged) <= set(robots), "a human is called a robot"
    assert Counter(robots[visitor] for visitor in set(flagged)) == dict.fromkeys(
        set(robots.values()) - {"id_reuse"}, EACH
    ), "robots that reuse one id leave one event an hour: the others are in quarantine"
