"""The same lines through the stream, the landing sensor, file by file, and one backfill: silver and
gold row for row."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from clickstream_platform.build.workspace import Workspace
from clickstream_platform.engine.server import Engine
from clickstream_platform.storage.manifest import Manifest
from clickstream_platform.tables.catalog import GOLD, SILVER
from clickstream_platform.tables.contract import Table
from clickstream_platform.tables.silver import SILVER_EVENTS, SILVER_QUARANTINE
from clickstream_platform_tests.homes import bring_up, json_line, land, rows, verified
from clickstream_platform_tests.services.daemon import Watched
from clickstream_platform_tests.streaming.conftest import Kafka, NewStreamHome
from clickstream_platform_tests.streaming.test_stream import LINEAGE, stream

pytestmark = [pytest.mark.service, pytest.mark.slow, pytest.mark.timeout(900)]
LINES = 400
HOURS = 3


SEEDS = range(1, 21)
SETTLED_S = 2400.0  # not a measure


def random_lines(seed: int) -> list[bytes]:
    """Three hours of clicks in disorder, with copies, other payloads of an id, and broken ones.

    Each seed has a day and people of its own.
    """
    chance = random.Random(seed)

    def click(number: int, *, shift: int = 0) -> bytes:
        second = (number * 37 + shift) % (3600 * HOURS)
        return json_line(
            event_id=f"e{seed}-{number}",
            user_id=f"u{seed}-{number % 9}",
            product_id=f"P{number % 11}",
            event_type=("product_view", "add_to_cart", "begin_checkout", "purchase")[number % 4],
            price=(number % 50) + 0.5,
            timestamp=f"{day(seed)}T{8 + second // 3600:02d}:{second // 60 % 60:02d}"
            f":{second % 60:02d}Z",
        )

    lines = [click(number) for number in range(LINES)]
    lines += [click(chance.randrange(LINES)) for _ in range(LINES // 10)]
    lines += [click(chance.randrange(LINES), shift=60) for _ in range(LINES // 40)]
    lines += [b"{broken", b"[]", b"", b"\xff\xfe"]
    displaced = sorted(range(len(lines)), key=lambda place: place + chance.uniform(0, 150))
    return [lines[place] for place in displaced if lines[place]]


def day(seed: int) -> str:
    return f"2024-11-{seed:02d}"


def content(workspace: Workspace, table: Table) -> list[str]:
    # A line without a readable time is at home in the hour of its arrival.
    apart = {*LINEAGE, "accepted_source_file", "accepted_source_offset"}
    apart |= {"event_hour"} if table is SILVER_QUARANTINE else set()
    found = rows(workspace, table)
    return sorted(repr({k: v for k, v in row.items() if k not in apart}) for row in found)


def cut(lines: Sequence[bytes], chance: random.Random, parts: int) -> list[Sequence[bytes]]:
    ends = sorted(chance.sample(range(1, len(lines)), parts - 1))
    return [lines[i:j] for i, j in zip([0, *ends], [*ends, len(lines)], strict=True)]


@pytest.mark.long
def test_stream_files_and_backfill_give_the_same_rows(
    kafka: Kafka, stream_home: NewStreamHome
) -> None:
    chance, topic, lines = random.Random(29), "answer", random_lines(29)
    streamed = stream_home(topic, max_offsets_per_trigger=120)
    for part in cut(lines, chance, 2):
        kafka.send(topic, part)
        stream(streamed)
    by_file = stream_home(topic, name="files")
    for number, part in enumerate(cut(lines, chance, 3)):
        land(by_file, "clicks", f"{day(29)}T{10 + number}", "f.jsonl", b"\n".join(part) + b"\n")
        bring_up(by_file)
    at_once = stream_home(topic, name="backfill")
    land(at_once, "clicks", f"{day(29)}T12", "all.jsonl", b"\n".join(lines) + b"\n")
    bring_up(at_once)

    assert len(rows(at_once, SILVER_EVENTS)) >= LINES  # another payload may fall in another hour
    assert_same_rows(streamed, at_once)
    assert_same_rows(by_file, at_once)
    verified(streamed)


@pytest.mark.prove
@pytest.mark.timeout(2 * 3600)
def test_stream_sensor_and_backfill_give_the_same_rows_of_twenty_random_inputs(
    kafka: Kafka, stream_home: NewStreamHome, tmp_path: Path
) -> None:
    """The sensor is that of a real daemon, which finds the files as they are dropped."""
    topic, inputs = "answers", {seed: random_lines(seed) for seed in SEEDS}
    streamed = stream_home(topic, max_offsets_per_trigger=1200)
    by_sensor = Watched(tmp_path / "sensor")
    by_sensor.settings.logs.mkdir(parents=True)
    mappings = streamed.settings.home / "sources"
    by_sensor.settings = by_sensor.settings.model_copy(update={"source_dirs": [mappings]})
    by_sensor.environment["CLICKSTREAM_SOURCE_DIRS"] = f'["{mappings}"]'
    at_once = stream_home(topic, name="backfill")
    dropped: list[tuple[int, int, Sequence[bytes]]] = []
    for seed, lines in inputs.items():
        chance = random.Random(seed)
        land(at_once, "clicks", f"{day(seed)}T12", "all.jsonl", b"\n".join(lines) + b"\n")
        dropped += [(seed, n, part) for n, part in enumerate(cut(lines, chance, 3))]
    order = random.Random("in which order")
    order.shuffle(dropped)
    bring_up(at_once)
    for number in range(2):
        halves = [lines[number::2] for lines in inputs.values()]
        kafka.send(topic, [line for half in halves for line in half])
        stream(streamed)
    try:
        with by_sensor.running():
            for seed, number, part in dropped:
                hour = f"{day(seed)}T{10 + number}"
                by_sensor.drop(hour, "f.jsonl", b"\n".join(part) + b"\n", source="clicks")
            by_sensor.until(
                lambda: is_settled(by_sensor, len(dropped)), within_s=SETTLED_S, what="settled"
            )
        assert by_sensor.call("verify", "--json")["ok"]
    finally:
        Engine(by_sensor.settings).stop()

    assert len(rows(at_once, SILVER_EVENTS)) >= LINES * len(SEEDS)
    assert_same_rows(streamed, at_once)
    assert_same_rows(Workspace(by_sensor.settings, at_once.session), at_once)
    verified(streamed)


def assert_same_rows(workspace: Workspace, expected: Workspace) -> None:
    for table in (*SILVER, *GOLD):
        assert content(workspace, table) == content(expected, table), table.path


def is_settled(home: Watched, files: int) -> bool:
    """Every file is in bronze and nothing is stale."""
    counts = Manifest(home.settings.state).counts()
    committed = counts.get("committed", 0) + counts.get("unchanged", 0)
    return committed == files and not home.is_stale() and len(home.gold_hours()) == len(GOLD)
