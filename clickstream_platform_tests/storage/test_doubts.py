"""Hours stay in doubt until they are settled, whoever began it."""

from pathlib import Path

from clickstream_platform.storage import doubts

TEN, ELEVEN = "2024-11-29T10", "2024-11-29T11"


def test_an_hour_is_in_doubt_from_its_first_writer_until_it_is_settled(tmp_path: Path) -> None:
    doubts.begin(tmp_path, "silver", [TEN, ELEVEN], writer="a")
    doubts.begin(tmp_path, "silver", [TEN], writer="b")
    doubts.begin(tmp_path, "gold", [TEN], writer="c")
    assert doubts.among(tmp_path, "silver", [TEN, ELEVEN, "2024-11-29T12"]) == {
        TEN: {"a", "b"},
        ELEVEN: {"a"},
    }
    doubts.settle(tmp_path, "silver", [TEN])
    assert doubts.among(tmp_path, "silver", [TEN, ELEVEN]) == {ELEVEN: {"a"}}
    assert doubts.among(tmp_path, "gold", [TEN]) == {TEN: {"c"}}
