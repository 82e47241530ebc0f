"""JSON lines by service: fields, rotation that two processes share, levels on standard error."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clickstream_platform import logs
from clickstream_platform.settings import Settings, read_settings


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Settings]:
    yield read_settings(home=tmp_path)
    logger = logging.getLogger(logs.PREFIX)
    for handler in [*logger.handlers]:
        logger.removeHandler(handler)
        handler.close()
    logger.propagate = True
    logger.setLevel(logging.NOTSET)


def entries(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_line_has_the_common_fields_first_and_its_own_after(home: Settings) -> None:
    path = logs.configure(home, "run", run_id="r1", on_stderr=False)
    logs.get_logger("bronze").info("ingested", files=3, folder=Path("/x"))
    with logs.bound(run_id="r2"):
        logging.getLogger("clickstream.silver").warning("held %d", 2, extra={"hour": "h"})
    first, second = entries(path)
    assert list(first)[:5] == ["ts", "level", "service", "run_id", "event"]
    assert first["ts"].endswith("Z")
    assert {key: first[key] for key in ("level", "service", "run_id", "event", "files")} == {
        "level": "info",
        "service": "run",
        "run_id": "r1",
        "event": "ingested",
        "files": 3,
    }
    assert (first["folder"], first["logger"]) == ("/x", "clickstream.bronze")
    assert (second["event"], second["run_id"], second["hour"]) == ("held 2", "r2", "h")


def test_other_libraries_do_not_write_into_it(home: Settings) -> None:
    path = logs.configure(home, "run", on_stderr=False)
    logging.getLogger("deltalake").error("not ours")
    assert not path.exists()


@pytest.mark.parametrize(("verbose", "shown"), [(False, ["bad"]), (True, ["fine", "bad"])])
def test_standard_error_shows_info_only_if_verbose(
    home: Settings, capsys: pytest.CaptureFixture[str], *, verbose: bool, shown: list[str]
) -> None:
    logs.configure(home, "run", verbose=verbose)
    logs.get_logger("a").info("fine")
    logs.get_logger("a").warning("bad")
    written = capsys.readouterr()
    assert written.out == ""
    assert [word for word in ("fine", "bad") if word in written.err] == shown


def test_a_second_call_replaces_the_first(home: Settings) -> None:
    first = logs.configure(home, "one", on_stderr=False)
    second = logs.configure(home, "two", on_stderr=False)
    logs.get_logger("a").info("once")
    assert not first.exists()
    assert len(entries(second)) == 1


def test_writers_that_share_a_file_follow_each_others_rotation(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    writers = [logs.SharedRotatingFileHandler(path, maxBytes=200, backupCount=50) for _ in range(2)]
    texts = [f"line {number:03d} " + "x" * 40 for number in range(60)]
    for number, text in enumerate(texts):
        record = logging.LogRecord("clickstream", logging.INFO, "", 0, text, None, None)
        writers[number % 2].emit(record)
    for writer in writers:
        writer.close()
    older = sorted(path.parent.glob("run.jsonl.*"), key=lambda p: -int(p.suffix[1:]))
    assert "\n".join(p.read_text().strip() for p in [*older, path]).split("\n") == texts
    assert all(p.stat().st_size <= 200 for p in [*older, path])
