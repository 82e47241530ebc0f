"""The extract gives the lake's rows: after appends, replaced hours, compaction."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from deltalake import DeltaTable

from clickstream_platform.queries.extract import FILE, Extract, ExtractLake
from clickstream_platform.queries.lake import Lake, QueryError
from clickstream_platform.settings import Settings
from clickstream_platform_tests.queries import lake_rows
from clickstream_platform_tests.queries.lake_rows import TEN

COUNT = "select event_hour, count(*) as n from gold.fact_sessions group by 1 order by 1"


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    return lake_rows.build(tmp_path)


def asked(
    home: Settings, extract: Extract, sql: str, **only: str | bool
) -> list[dict[str, object]]:
    """The extract's answer, which must be the lake's."""
    with ExtractLake(home, extract, only=only) as found, Lake(home, only=only) as lake:
        answer = found.rows(sql)
        assert answer == lake.rows(sql)
        return answer


def test_it_follows_every_kind_of_commit(home: Settings) -> None:
    extract = Extract(home)
    place = home.lake / "gold" / "fact_sessions"
    assert [row["n"] for row in asked(home, extract, COUNT)] == [3, 1]
    lake_rows.write(
        home.home, "gold/fact_sessions", [lake_rows.session("x", "10:05:00", "10:06:00")]
    )
    assert [row["n"] for row in asked(home, extract, COUNT)] == [4, 1]
    DeltaTable(str(place)).optimize.compact()
    assert [row["n"] for row in asked(home, extract, COUNT)] == [4, 1]
    DeltaTable(str(place)).delete(f"event_hour = '{TEN}'")
    assert [row["n"] for row in asked(home, extract, COUNT)] == [1]
    extract.close()


def test_a_new_process_goes_on_with_the_file_and_a_useless_one_is_made_anew(home: Settings) -> None:
    first = Extract(home)
    asked(home, first, COUNT)
    first.close()
    again = Extract(home)
    lake_rows.write(
        home.home, "gold/fact_sessions", [lake_rows.session("y", "10:05:00", "10:06:00")]
    )
    assert [row["n"] for row in asked(home, again, COUNT)] == [4, 1]
    again.close()
    (home.state / FILE).write_bytes(b"no database")
    anew = Extract(home)
    assert [row["n"] for row in asked(home, anew, COUNT)] == [4, 1]
    anew.close()


def test_where_another_process_has_the_file_the_rows_are_kept_in_memory(home: Settings) -> None:
    mine = Extract(home)
    asked(home, mine, COUNT)
    script = (
        "import sys; from pathlib import Path\n"
        "from clickstream_platform.settings import read_settings\n"
        "from clickstream_platform.queries.extract import Extract, ExtractLake\n"
        "home = read_settings(home=Path(sys.argv[1]))\n"
        f"print(ExtractLake(home, Extract(home)).rows({COUNT!r})[0]['n'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(home.home)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "3"
    assert [row["n"] for row in asked(home, mine, COUNT)] == [3, 1]
    mine.close()


def test_filters_and_threads_do_not_meet(home: Settings) -> None:
    extract = Extract(home)

    def count(page: str | None) -> object:
        only: dict[str, str | bool] = {} if page is None else {"landing_page": page}
        with ExtractLake(home, extract, only=only) as lake:
            return lake.rows("select count(*) as n from gold.fact_sessions")[0]["n"]

    pages = [None, "/", "/nowhere"] * 20
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(count, pages))
    assert found == [4, 3, 0] * 20
    assert asked(home, extract, COUNT, landing_page="/")[0]["n"] == 3
    with pytest.raises(QueryError, match="shoe_size"):
        asked(home, extract, COUNT, shoe_size="9")
    extract.close()
