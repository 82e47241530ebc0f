"""The same lines through the stream, file by file, and at once: silver and gold row for row."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from clickstream_platform.build.workspace import Workspace
from clickstream_platform.tables.catalog import GOLD, SILVER
from clickstream_platform.tables.contract import Table
from clickstream_platform.tables.silver import SILVER_EVENTS, SILVER_QUARANTINE
from clickstream_platform_tests.homes import bring_up, json_line, land, rows, verified
from clickstream_platform_tests.streaming.conftest import Kafka, NewStreamHome
from clickstream_platform_tests.streaming.test_stream import LINEAGE, stream

pytestmark = [pytest.mark.service, pytest.mark.slow, pytest.mark.timeout(900)]
LINES = 400
HOURS = 3


def random_lines(seed: int) -> list[bytes]:
    """Three hours of clicks in disorder, with copies, other payloads of an id, and broken ones."""
    chance = random.Random(seed)

    def click(number: int, *, shift: int = 0) -> bytes:
        second = (number * 37 + shift) % (3600 * HOURS)
        return json_line(
            event_id=f"e{number}",
            user_id=f"u{number % 9}",
            product_id=f"P{number % 11}",
            event_type=("product_view", "add_to_cart", "begin_checkout", "purchase")[number % 4],
            price=(number % 50) + 0.5,
            timestamp=f"2024-11-29T{8 + second // 3600:02d}:{second // 60 % 60:02d}"
            f":{second % 60:02d}Z",
        )

    lines = [click(number) for number in range(LINES)]
    lines += [click(chance.randrange(LINES)) for _ in range(LINES // 10)]
    lines += [click(chance.randrange(LINES), shift=60) for _ in range(LINES // 40)]
    lines += [b"{broken", b"[]", b"", b"\xff\xfe"]
    displaced = sorted(range(len(lines)), key=lambda place: place + chance.uniform(0, 150))
    return [lines[place] for place in displaced if lines[place]]


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
@pytest.mark.parametrize(
    "seed", [1, *[pytest.param(seed, marks=pytest.mark.prove) for seed in range(2, 21)]]
)
def test_stream_files_and_backfill_give_the_same_rows(
    kafka: Kafka, stream_home: NewStreamHome, seed: int
) -> None:
    print(f"seed {seed}")
    chance, topic, lines = random.Random(seed), f"answer{seed}", random_lines(seed)
    streamed = stream_home(topic, max_offsets_per_trigger=120)
    for part in cut(lines, chance, 2):
        kafka.send(topic, part)
        stream(streamed)
    by_file = stream_home(topic, name="files")
    for number, part in enumerate(cut(lines, chance, 3)):
        land(by_file, "clicks", f"2024-11-29T{10 + number}", "f.jsonl", b"\n".join(part) + b"\n")
        bring_up(by_file)
    at_once = stream_home(topic, name="backfill")
    land(at_once, "clicks", "2024-11-29T12", "all.jsonl", b"\n".join(lines) + b"\n")
    bring_up(at_once)

    assert len(rows(at_once, SILVER_EVENTS)) >= LINES  # another payload may fall in another hour
    for table in (*SILVER, *GOLD):
        expected = content(at_once, table)
        assert content(streamed, table) == expected, table.path
        assert content(by_file, table) == expected, table.path
    verified(streamed)
