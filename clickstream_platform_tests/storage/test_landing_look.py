"""What a look at landing takes, what it leaves, and that it lists no more than it must."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from clickstream_platform.sources.loader import load_sources
from clickstream_platform.storage.folders import Folders
from clickstream_platform.storage.landing import inspect
from clickstream_platform.storage.landing_look import EVERYTHING, Look, Scope, look
from clickstream_platform.storage.manifest import Manifest
from clickstream_platform.storage.owners import this_process

TEN, ELEVEN, NOON = "2024-11-29T10", "2024-11-29T11", "2024-11-29T12"
SOURCES = load_sources([])
LONG_AGO = time.time() - 86_400


class Landing:
    """A landing folder and the looks at it."""

    def __init__(self, home: Path) -> None:
        self.root = home / "landing"
        self.manifest = Manifest(home / "state")
        self.folders = Folders(home / "state")

    def drop(self, name: str, text: str = "{}\n") -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def age(self) -> None:
        """The folders' times become old, as if all had been dropped yesterday."""
        for folder in (self.root, *self.root.rglob("*")):
            if folder.is_dir() and not folder.is_symlink():
                os.utime(folder, (LONG_AGO, LONG_AGO))

    def look(self, scope: Scope = EVERYTHING, *, settle_s: float = 0) -> Look:
        return look(self.root, SOURCES, self.manifest, self.folders, running_hour=NOON,
                    settle_s=settle_s, scope=scope)  # fmt: skip

    def waiting(self) -> list[str]:
        hours = list(self.manifest.waiting())
        owner = this_process("look")
        paths = [claim.path for claim in self.manifest.claim(hours, owner=owner)] if hours else []
        self.manifest.release(owner)
        return paths


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    return Landing(tmp_path)


def test_only_finished_files_of_known_sources_and_hours_are_taken(landing: Landing) -> None:
    for name in ("a.json", "b.json.tmp", ".c.json", "_d.json"):
        landing.drop(f"shop_json/{TEN}/{name}")
    landing.drop("shop_json/flat.json")
    landing.drop(f"shop_json/{TEN}/deeper/f.json")
    landing.drop("shop_json/2024-11-29T13/later.json")
    landing.drop("shop_json/today/g.json")
    landing.drop(f"tracker/{TEN}/h.json")
    landing.drop("i.json")
    found = landing.look()
    assert landing.waiting() == [f"shop_json/{TEN}/a.json", "shop_json/flat.json"]
    assert [words.split(":")[0] for words in sorted(found.warnings)] == [
        "landing/shop_json/2024-11-29T13",
        "landing/shop_json/today",
        "landing/tracker",
    ]


def test_a_file_that_changed_just_now_waits_until_it_has_settled(landing: Landing) -> None:
    landing.drop(f"shop_json/{TEN}/a.json")
    first = landing.look(settle_s=60)
    assert (first.new_files, first.unsettled) == (0, 1)
    assert landing.look(Scope(), settle_s=0).new_files == 1  # listed again without being asked to


def test_an_old_modification_time_does_not_make_a_file_finished(landing: Landing) -> None:
    path = landing.drop(f"shop_json/{TEN}/copied.json")
    os.utime(path, (LONG_AGO, LONG_AGO))
    assert landing.look(settle_s=60).new_files == 0


def test_a_look_lists_only_folders_that_changed(landing: Landing) -> None:
    for hour in (TEN, ELEVEN):
        landing.drop(f"shop_json/{hour}/a.json")
    landing.age()
    assert landing.look(Scope()).folders_listed == 3  # the source's own folder and two hours
    assert landing.look(Scope()).folders_listed == 0
    landing.drop(f"shop_json/{ELEVEN}/b.json")
    found = landing.look(Scope())
    assert (found.folders, found.folders_listed, found.new_files) == (3, 1, 1)


def test_a_file_replaced_by_a_rename_is_new_at_once(landing: Landing) -> None:
    path = landing.drop(f"shop_json/{TEN}/a.json")
    landing.age()
    landing.look(Scope())
    landing.drop(f"shop_json/{TEN}/a.tmp", '{"event_id":"2"}\n').rename(path)
    assert landing.look(Scope()).new_files == 1


def test_a_file_changed_in_place_is_found_by_the_audit_within_its_cycle(landing: Landing) -> None:
    paths = [landing.drop(f"shop_json/2024-11-{day:02}T10/a.json") for day in range(1, 21)]
    landing.age()
    cycle = landing.look(Scope(audit_files=4)).audit_cycle_looks
    assert cycle == 5
    for path in paths:
        before = path.parent.stat().st_mtime_ns
        with path.open("a") as file:
            file.write("{}\n")
        assert path.parent.stat().st_mtime_ns == before
    looks = [landing.look(Scope(audit_files=4)) for _ in range(cycle + 1)]
    assert sum(found.new_files for found in looks) == 20
    assert max(found.folders_listed for found in looks) <= 5
    assert landing.look(Scope(audit_files=4)).new_files == 0


def test_the_hours_of_a_run_are_listed_whatever_their_time(landing: Landing) -> None:
    path = landing.drop(f"shop_json/{TEN}/a.json")
    landing.drop(f"shop_json/{ELEVEN}/a.json")
    landing.age()
    landing.look()
    path.write_text("{}\n{}\n")
    assert landing.look(Scope(hours={ELEVEN})).new_files == 0
    assert landing.look(Scope(hours={TEN})).new_files == 1


def test_a_folder_that_is_gone_is_forgotten_and_found_when_it_comes_back(landing: Landing) -> None:
    landing.drop(f"shop_json/{TEN}/a.json").unlink()
    (landing.root / "shop_json" / TEN).rmdir()
    landing.drop(f"shop_json/{ELEVEN}/a.json")
    landing.look()
    landing.drop(f"shop_json/{TEN}/a.json")
    assert landing.look(Scope()).new_files == 1


def _link_to_file(landing: Landing, outside: Path) -> Path:
    link = landing.root / "shop_json" / TEN / "a.json"
    link.symlink_to(outside)
    return link


def _link_to_folder(landing: Landing, outside: Path) -> Path:
    link = landing.root / "shop_json" / ELEVEN
    link.symlink_to(outside.parent)
    return link / outside.name


def _link_to_source(landing: Landing, outside: Path) -> Path:
    (landing.root / "rees46").symlink_to(outside.parent)
    return landing.root / "rees46" / outside.name


def _fifo(landing: Landing, outside: Path) -> Path:
    del outside
    path = landing.root / "shop_json" / TEN / "b.json"
    os.mkfifo(path)
    return path


def _device(landing: Landing, outside: Path) -> Path:
    del outside
    link = landing.root / "shop_json" / TEN / "c.json"
    link.symlink_to("/dev/zero")
    return link


@pytest.mark.parametrize("make", [_link_to_file, _link_to_folder, _link_to_source, _fifo, _device])
def test_nothing_but_regular_files_inside_landing_is_taken_or_opened(
    landing: Landing, tmp_path: Path, make: Callable[[Landing, Path], Path]
) -> None:
    (landing.root / "shop_json" / TEN).mkdir(parents=True)
    outside = tmp_path / "secrets" / "passwords.json"
    outside.parent.mkdir()
    outside.write_text('{"event_id":"secret"}\n')
    path = make(landing, outside)
    landing.look()
    assert landing.waiting() == []
    # Also if it took the place of a file that a look had found: the reader itself refuses.
    with pytest.raises(OSError, match=r"no regular file|leads out|symbolic|Too many levels"):
        inspect(landing.root, path.relative_to(landing.root).as_posix(), SOURCES["shop_json"])


def test_a_path_with_dots_leads_out_of_landing(landing: Landing, tmp_path: Path) -> None:
    (landing.root / "shop_json").mkdir(parents=True)
    (tmp_path / "secret.json").write_text("{}")
    with pytest.raises(OSError, match="leads out of landing"):
        inspect(landing.root, "shop_json/../../secret.json", SOURCES["shop_json"])
