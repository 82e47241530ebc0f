"""Lines that came by Kafka: a gap, a repeat and a foreign ingest hour are found, by partition."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from clickstream_platform.oracle.findings import Finding, Report
from clickstream_platform.oracle.kafka_law import KAFKA_OFFSETS
from clickstream_platform.oracle.verify import verify
from clickstream_platform.settings import read_settings
from clickstream_platform.sources.loader import BUILTIN_DIR
from clickstream_platform.tables.bronze import BRONZE_EVENTS
from clickstream_platform_tests.oracle.tiny_home import Row, bronze, write

TEN = "2024-11-29T10"
ENQUEUED = datetime(2024, 11, 29, 10, 59, 59, tzinfo=UTC)


def line(offset: int, *, place: str = "clicks/0@1", **more: object) -> Row:
    times = {"enqueued_at": ENQUEUED, "ingested_at": ENQUEUED + timedelta(seconds=2)}
    return bronze((place, offset), b"{}", TEN, **(times | {"ingest_hour": TEN} | more))


def proved(home: Path, lines: list[Row], **more: object) -> tuple[Report, list[Finding]]:
    settings = read_settings(home=home, **more)
    write(settings, BRONZE_EVENTS, lines)
    report = verify(settings, tables=["bronze/events"])
    (law,) = [law for law in report.laws if law.law == KAFKA_OFFSETS]
    return report, law.findings


def test_a_gapless_run_of_offsets_holds_wherever_it_begins(tmp_path: Path) -> None:
    lines = [line(n) for n in (7, 8, 9)] + [line(n, place="clicks/1@1") for n in (0, 1)]
    report, found = proved(tmp_path, lines)
    assert found == []
    assert (report.streamed, report.archived) == (5, 0)


@pytest.mark.parametrize(
    ("offsets", "expected", "actual"), [((0, 1, 3), 4, 3), ((0, 1, 1, 2), 3, 3)]
)
def test_a_gap_or_a_repeat_is_found(
    tmp_path: Path, offsets: tuple[int, ...], expected: int, actual: int
) -> None:
    _, found = proved(tmp_path, [line(offset) for offset in offsets])
    (only,) = found
    assert (only.key, only.expected, only.actual) == (
        {"source_file": "clicks/0@1"},
        expected,
        actual,
    )


def test_a_source_with_offset_gaps_may_lack_offsets_and_repeat_none(tmp_path: Path) -> None:
    folder = tmp_path / "sources"
    folder.mkdir()
    content = yaml.safe_load((BUILTIN_DIR / "kafka_raw.yaml").read_text())
    block = content["kafka"] | {"offset_gaps": True}
    (folder / "gaps.yaml").write_text(yaml.safe_dump(content | {"name": "gaps", "kafka": block}))
    lines = [line(n, source="gaps") for n in (0, 1, 3)]
    _, found = proved(tmp_path / "allowed", lines, source_dirs=[folder])
    assert found == []
    _, found = proved(tmp_path / "undeclared", lines)
    assert ["kafka.offset_gaps" in finding.problem for finding in found] == [True]
    _, found = proved(tmp_path / "repeated", [*lines, lines[0]], source_dirs=[folder])
    assert len(found) == 1


def test_lines_of_two_sources_at_one_partitions_addresses_are_found(tmp_path: Path) -> None:
    _, found = proved(tmp_path, [line(0, source="east"), line(1, source="west")])
    (only,) = found
    assert (only.problem, only.expected, only.actual) == ("lines of several sources", 1, 2)


@pytest.mark.parametrize(
    ("enqueued", "ingested", "hour", "is_right"),
    [
        (ENQUEUED, ENQUEUED + timedelta(hours=2), TEN, True),
        (ENQUEUED, ENQUEUED + timedelta(hours=2), "2024-11-29T12", False),
        (ENQUEUED + timedelta(days=3), ENQUEUED, TEN, True),  # a broker whose clock is ahead
        (ENQUEUED - timedelta(days=9000), ENQUEUED, "2019-01-01T00", True),
    ],
)
def test_the_ingest_hour_is_the_brokers_within_first_and_running_hour(
    tmp_path: Path, enqueued: datetime, ingested: datetime, hour: str, is_right: bool
) -> None:
    moved = line(0, enqueued_at=enqueued, ingested_at=ingested, ingest_hour=hour)
    _, found = proved(tmp_path, [moved])
    assert [finding.problem for finding in found] == (
        [] if is_right else ["lines in a foreign ingest hour"]
    )
