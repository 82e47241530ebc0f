"""A kept dataset is never an old one: a commit, or a table made anew, is seen at once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow as pa
from deltalake import write_deltalake

from clickstream_platform.queries.datasets import dataset, newest_commit


def write(place: Path, *values: int) -> None:
    write_deltalake(str(place), pa.table({"n": list(values)}), mode="append")


def numbers(place: Path, version: int | None = None) -> list[int]:
    return sorted(dataset(place, version).to_table()["n"].to_pylist())


def test_the_same_state_is_opened_once_and_a_commit_opens_it_anew(tmp_path: Path) -> None:
    place = tmp_path / "t"
    write(place, 1)
    assert dataset(place) is dataset(place)
    write(place, 2)
    assert numbers(place) == [1, 2]
    assert numbers(place, version=0) == [1]


def test_a_table_made_anew_under_its_old_name_and_version_is_another(tmp_path: Path) -> None:
    place = tmp_path / "t"
    write(place, 1)
    before = newest_commit(place)
    assert numbers(place) == [1]
    shutil.rmtree(place)
    assert newest_commit(place) == ("-", 0, 0)
    write(place, 7)
    assert newest_commit(place) != before
    assert numbers(place) == [7]
