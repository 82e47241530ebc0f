"""A landing file is ingested by one run at a time, and by another if that one dies."""

from __future__ import annotations

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from clickstream_platform.storage.landing import LandingFile
from clickstream_platform.storage.manifest import Ingested, Manifest
from clickstream_platform.storage.owners import this_process

HOUR, NEXT = "2024-11-29T10", "2024-11-29T11"
FILES = [
    LandingFile(f"shop_json/{hour}/{number}.json", "shop_json", hour, 100 + number, 7)
    for hour in (HOUR, NEXT)
    for number in range(20)
]


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    found = Manifest(tmp_path)
    assert found.register(FILES, running_hour="2024-11-30T00") == 40
    return found


def dead_owner() -> str:
    """An owner whose process has ended."""
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    owner = f"run|{child.pid}|{psutil.Process(child.pid).create_time():.3f}"
    child.communicate(b"\n")
    return owner


def test_a_file_is_new_once_and_again_when_it_changes(manifest: Manifest) -> None:
    assert manifest.register(FILES, running_hour=NEXT) == 0
    changed = LandingFile(FILES[0].path, "shop_json", HOUR, 999, 8)
    assert manifest.register([changed], running_hour=NEXT) == 1


def test_a_flat_file_keeps_the_hour_in_which_it_was_first_seen(manifest: Manifest) -> None:
    flat = LandingFile("shop_json/flat.json", "shop_json", None, 5, 7)
    manifest.register([flat], running_hour="2024-11-29T12")
    manifest.register([flat], running_hour="2024-11-29T13")
    assert manifest.waiting_hours()["2024-11-29T12"] == 5
    assert "2024-11-29T13" not in manifest.waiting_hours()


def test_a_claim_takes_the_files_of_its_hours_only(manifest: Manifest) -> None:
    claims = manifest.claim([HOUR], owner=this_process("one"))
    assert [claim.path for claim in claims] == sorted(f.path for f in FILES if f.hour == HOUR)
    assert {claim.attempt for claim in claims} == {1}
    assert manifest.waiting_hours() == {NEXT: sum(f.size for f in FILES if f.hour == NEXT)}


def test_two_owners_never_get_the_same_file(manifest: Manifest, tmp_path: Path) -> None:
    def claim(number: int) -> list[str]:
        owner = this_process(f"run{number}")
        return [c.path for c in Manifest(tmp_path).claim([HOUR, NEXT], owner=owner)]

    with ThreadPoolExecutor(8) as pool:
        taken = [path for paths in pool.map(claim, range(8)) for path in paths]
    assert sorted(taken) == sorted(file.path for file in FILES)


def test_the_claims_of_a_dead_process_are_free_again(manifest: Manifest) -> None:
    first = manifest.claim([HOUR], owner=dead_owner())
    manifest.commit(first[0], bronze_version=3, lines=10)
    again = manifest.claim([HOUR], owner=this_process("two"))
    assert [claim.path for claim in again] == [claim.path for claim in first[1:]]
    assert {claim.attempt for claim in again} == {2}


def test_release_frees_what_is_unfinished_and_of_this_owner(manifest: Manifest) -> None:
    mine, theirs = this_process("mine"), this_process("theirs")
    first, second, third = manifest.claim([HOUR], owner=mine)[:3]
    manifest.claim([NEXT], owner=theirs)
    manifest.describe(first, sha8="0123abcd", header=None)
    manifest.commit(first, bronze_version=3, lines=10)
    manifest.fail(second, "no such file")
    manifest.unchanged(third)
    manifest.release(mine)
    assert manifest.counts() == {
        "claimed": 20,
        "committed": 1,
        "failed": 1,
        "unchanged": 1,
        "seen": 17,
    }
    assert manifest.failures() == [(second.path, "no such file")]
    assert manifest.is_committed(first.path, "0123abcd")
    assert not manifest.is_committed(first.path, "ffffffff")


def test_headers_are_remembered_by_source(manifest: Manifest) -> None:
    one, two, three = manifest.claim([HOUR], owner=this_process("one"))[:3]
    manifest.describe(one, sha8="1", header="b,a")
    manifest.describe(two, sha8="2", header="a,b")
    manifest.describe(three, sha8="3", header="a,b")
    assert manifest.headers() == {"shop_json": ["a,b", "b,a"]}


def test_an_unreadable_file_is_tried_again_after_growing_pauses(
    manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1_000_000.0
    monkeypatch.setattr(time, "time", lambda: now)
    owner = this_process("one")
    for pause in (60, 240, 960, 3840, 15_360, 21_600, 21_600):
        [broken, *others] = manifest.claim([HOUR], owner=owner)
        for claim in others:
            manifest.commit(claim, bronze_version=1, lines=1)
        manifest.fail(broken, "permission denied")
        now += pause - 1
        assert HOUR not in manifest.waiting()
        now += 1
        assert manifest.waiting()[HOUR].files == 1
    assert manifest.failures() == [(broken.path, "permission denied")]


def test_the_digest_of_what_waits_changes_with_files_and_attempts(manifest: Manifest) -> None:
    first = manifest.waiting()[HOUR]
    assert (first.files, first.size) == (20, sum(100 + number for number in range(20)))
    manifest.claim([HOUR], owner=dead_owner())
    second = manifest.waiting()[HOUR]
    assert second.files == 20
    assert second.digest != first.digest
    changed = LandingFile(FILES[0].path, "shop_json", HOUR, 999, 8)
    manifest.register([changed], running_hour=NEXT)
    assert manifest.waiting()[HOUR].digest not in {first.digest, second.digest}


def test_a_forgotten_file_is_new_at_the_next_look(manifest: Manifest) -> None:
    claim = manifest.claim([HOUR], owner=this_process("one"))[0]
    manifest.forget(claim)
    assert manifest.register(FILES, running_hour=NEXT) == 1


def test_what_was_committed_since_a_version_is_told_by_hour(manifest: Manifest) -> None:
    for hour, version in ((HOUR, 3), (NEXT, 5)):
        for claim in manifest.claim([hour], owner=this_process("one"))[:2]:
            manifest.commit(claim, bronze_version=version, lines=10)
    assert manifest.committed_since(5) == {}
    assert manifest.committed_since(3) == {NEXT: Ingested(5, 2, 20)}
    assert manifest.committed_since(-1) == {HOUR: Ingested(3, 2, 20), NEXT: Ingested(5, 2, 20)}
