"""Mutated lines among valid ones: each is somewhere, and no valid neighbour is harmed."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from clickstream_platform.build.workspace import Workspace
from clickstream_platform.engine.server import Engine
from clickstream_platform.settings import Settings
from clickstream_platform.tables.bronze import BRONZE_EVENTS
from clickstream_platform.tables.silver import SILVER_DUPLICATES, SILVER_EVENTS, SILVER_QUARANTINE
from clickstream_platform_tests.homes import arrow, bring_up, land

pytestmark = pytest.mark.slow
HOUR = "2024-11-29T10"
LOG_LINE = '9.9.9.9 - - [29/Nov/2024:10:00:00 +0000] "GET /p/%d HTTP/1.1" 200 5 "-" "%s"'
HUGE_BYTES = 10_000_000
Mutation = Callable[[bytes, random.Random], bytes]


def good(number: int) -> bytes:
    """A valid line of Segment's, whose nested JSON has most to break."""
    return json.dumps(
        {
            "messageId": f"good-{number}",
            "type": "track",
            "event": "Order Completed",
            "anonymousId": f"a{number % 97}",
            "timestamp": f"2024-11-29T10:{number % 60:02}:00Z",
            "properties": {"order_id": f"o{number}", "products": [{"product_id": "p", "price": 1}]},
        }
    ).encode()


def _replaced(old: bytes, new: bytes) -> Mutation:
    return lambda line, _: line.replace(old, new)


def _nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


def _flipped(line: bytes, rng: random.Random) -> bytes:
    flipped = bytearray(line)
    for _ in range(rng.randint(1, 4)):
        flipped[rng.randrange(len(flipped))] = rng.choice([*range(1, 10), *range(11, 256)])
    return bytes(flipped)


MUTATIONS: tuple[Mutation, ...] = (
    lambda _, rng: rng.randbytes(60).replace(b"\n", b"") + b"\xff",
    _flipped,
    lambda line, rng: line[: rng.randint(1, len(line) - 1)],
    lambda line, rng: line[rng.randint(1, len(line) - 1) :],
    _replaced(b"good", b"\xff\xfe"),
    _replaced(b"good", b"\x00"),
    lambda line, _: b"\xef\xbb\xbf" + line,
    lambda line, rng: b'{"x":' * rng.choice([50, 990, 3000]) + line,
    lambda line, rng: line[:-1] + b',"deep":%b}' % _nested(rng.choice([90, 900])),
    _replaced(b'"type": "track"', b'"x": 1, "x": 2, "anonymousId": "b", "anonymousId": null'),
    _replaced(b'"price": 1', b'"price": NaN'),
    _replaced(b'"price": 1', b'"price": 1e400'),
    _replaced(b'"price": 1', b'"price": 1, "quantity": 99999999999999999999'),
    _replaced(b'"price": 1', b'"price": [{}], "quantity": {"a": 1}'),
    _replaced(b'"products": [', b'"products": [7, "x", null, ['),
    _replaced(b'"properties": {', b'"properties": [{'),
    _replaced(b'"2024-11-29', b'"-0000-13-99'),
    _replaced(b"Z", b"+99:99"),
    lambda line, _: line + b"\r",
    lambda line, _: line + b" " + line,
)  # fmt: skip


def mixture(count: int, seed: int) -> tuple[list[bytes], set[str]]:
    """`count` mutated lines between as many valid ones, and the ids of these."""
    rng = random.Random(seed)
    lines: list[bytes] = []
    for number in range(count):
        lines.append(good(number))
        broken = rng.choice(MUTATIONS)(good(number).replace(b"good", b"bad_good"), rng)
        lines.append(broken.replace(b"\n", b" "))
    return lines, {f"good-{number}" for number in range(count)}


def fill(workspace: Workspace, count: int, *, files: int) -> tuple[int, set[str]]:
    """Lands the mixture in files of which the last ends in the middle; lines and valid ids."""
    lines, wanted = mixture(count, seed=count)
    huge = good(count)[:-1] + b',"huge":"' + b'x\\"' * (HUGE_BYTES // 3) + b'"}'
    lines[1:1] = [huge, b"\xff" * HUGE_BYTES]
    wanted.add(f"good-{count}")
    size = -(-len(lines) // files)
    for number in range(files):
        part = lines[number * size : (number + 1) * size]
        ends = b"\r\n" if number % 2 else b"\n"
        data = ends.join(part) + (b"" if number == files - 1 else ends)
        land(workspace, "segment", HOUR, f"{number}.jsonl", data)
    noise = random.Random(3)
    logs = [(LOG_LINE % (n, "\\\\" * noise.randint(0, 9_000))).encode() for n in range(20)]
    land(workspace, "access_log", HOUR, "a.log", b"\n".join(logs))
    blank = sum(not line.strip(b"\r") for line in lines)
    return len(lines) - blank + len(logs), wanted


def check(workspace: Workspace, count: int, *, files: int, engine: Settings) -> None:
    landed, wanted = fill(workspace, count, files=files)
    before = Engine(engine).status().pid
    bring_up(workspace)
    assert Engine(engine).status().pid == before  # it ends itself when memory runs out
    address = ("source_file", "source_offset")
    bronze = Counter(_addresses(workspace, BRONZE_EVENTS, address))
    judged = Counter()  # type: Counter[tuple[str, int]]
    for table in (SILVER_EVENTS, SILVER_DUPLICATES, SILVER_QUARANTINE):
        judged.update(_addresses(workspace, table, address))
    assert sum(bronze.values()) == len(bronze) == landed
    assert judged == bronze
    accepted = arrow(workspace, SILVER_EVENTS, "event_id", "source")
    ids = set(accepted["event_id"].to_pylist())
    assert wanted <= ids
    assert accepted["source"].to_pylist().count("access_log") == 20


def _addresses(workspace: Workspace, table: object, names: tuple[str, str]) -> list[tuple]:
    found = arrow(workspace, table, *names)  # type: ignore[arg-type]
    return list(zip(*(found[name].to_pylist() for name in names), strict=True))


def new_home(new_workspace: Callable[..., Workspace], home: Path) -> Workspace:
    return new_workspace(home, checks={"max_reject_rate": 1.0})


def test_a_thousand_mutated_lines_harm_no_other(
    new_workspace: Callable[..., Workspace], tmp_path: Path, engine_settings: Settings
) -> None:
    workspace = new_home(new_workspace, tmp_path / "home")
    check(workspace, 1_000, files=3, engine=engine_settings)


@pytest.mark.prove
@pytest.mark.timeout(3600)
def test_a_hundred_thousand_mutated_lines_harm_no_other(
    new_workspace: Callable[..., Workspace], tmp_path: Path, engine_settings: Settings
) -> None:
    workspace = new_home(new_workspace, tmp_path / "home")
    check(workspace, 100_000, files=8, engine=engine_settings)
