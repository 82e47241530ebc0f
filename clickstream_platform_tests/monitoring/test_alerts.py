"""Each alert arrives once and is taken back once, at a real webhook."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from clickstream_platform.errors import UsageError
from clickstream_platform.monitoring.alert import Alert
from clickstream_platform.monitoring.notifier import DeliveryError, sender, tell
from clickstream_platform.monitoring.rules import standing
from clickstream_platform.settings import Settings, read_settings
from clickstream_platform_tests.queries import lake_rows
from clickstream_platform_tests.queries.lake_rows import ELEVEN, at

NOW = at("11:30:00")


class Webhook:
    """A server on loopback that keeps what it was sent; `status` is what it answers."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.status = 200
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                content = json.loads(self.rfile.read(length))
                if hook.status == 200:
                    hook.messages.append(content)
                self.send_response(hook.status)
                self.end_headers()
                self.wfile.write(b"ok")  # Slack's word for it

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"json://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def titles(self) -> list[str]:
        return [message["title"] for message in self.messages]


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    found = Webhook()
    yield found
    found.server.shutdown()
    found.server.server_close()


@pytest.fixture
def home(tmp_path: Path, webhook: Webhook) -> Settings:
    lake_rows.build(tmp_path)
    return read_settings(home=tmp_path, alerts={"urls": [webhook.url], "remind_after_s": 3600},
                         checks={"min_rows_for_reject_rate": 2})  # fmt: skip


def keys(home: Settings, now: datetime = NOW) -> set[str]:
    return {alert.key for alert in standing(home, now=now)}


def test_rules_see_red_checks_held_back_hours_and_rejected_lines(home: Settings) -> None:
    assert keys(home) == {
        "red_check:silver/events:unique",
        "red_check:silver/events:max_reject_rate",
        "quarantine:shop",  # 1 of 2 lines at eleven
    }


def test_a_stale_table_is_told_by_the_age_of_its_events(home: Settings) -> None:
    assert "stale" not in keys(home)
    assert "stale" in keys(home, NOW + timedelta(hours=3))


def test_an_alert_arrives_once_and_its_end_once(home: Settings, webhook: Webhook) -> None:
    for minute in range(3):
        now = NOW + timedelta(minutes=minute)
        tell(home, standing(home, now=now), now=now)
    assert len(webhook.messages) == 3
    assert "ALERT silver/events breaks unique" in webhook.titles
    fixed = lake_rows.result("silver/events", ELEVEN, "unique", "block", 0, "13:00:00")
    lake_rows.write(home.home, "ops/dq_results", [fixed])
    for _ in range(2):
        tell(home, standing(home, now=NOW), now=NOW)
    assert webhook.titles[3:] == ["OVER silver/events breaks unique"]
    bad = lake_rows.result("silver/events", ELEVEN, "unique", "block", 1, "14:00:00")
    lake_rows.write(home.home, "ops/dq_results", [bad])
    tell(home, standing(home, now=NOW), now=NOW)
    assert webhook.titles[4:] == ["ALERT silver/events breaks unique"]


def test_a_standing_alert_is_told_again_after_the_set_time(
    home: Settings, webhook: Webhook
) -> None:
    alert = Alert("k", "trouble", "words")
    for seconds in (0, 3599, 3600, 3601):
        tell(home, [alert], now=NOW + timedelta(seconds=seconds))
    assert webhook.titles == ["ALERT trouble", "ALERT trouble"]


def test_what_could_not_be_sent_is_sent_by_the_next_check(home: Settings, webhook: Webhook) -> None:
    alert = Alert("k", "trouble", "words")
    webhook.status = 500
    with pytest.raises(DeliveryError, match="next check tries again"):
        tell(home, [alert], now=NOW)
    webhook.status = 200
    tell(home, [alert], now=NOW)
    tell(home, [alert], now=NOW)
    assert webhook.titles == ["ALERT trouble"]


def test_a_dead_daemon_and_a_failed_run_are_noticed_without_dagster(home: Settings) -> None:
    history = home.dagster_home / "history"
    history.mkdir(parents=True)
    with sqlite3.connect(history / "runs.db") as runs:
        runs.executescript(
            "CREATE TABLE runs (id INTEGER PRIMARY KEY, run_id TEXT, pipeline_name TEXT,"
            " status TEXT, end_time REAL);"
            "CREATE TABLE daemon_heartbeats (timestamp TIMESTAMP);"
            "INSERT INTO runs VALUES (1, 'a', 'repair', 'FAILURE', 1), (2, 'b', 'ingest',"
            " 'FAILURE', 1), (3, 'c', 'ingest', 'SUCCESS', 2), (4, 'd', 'repair', 'STARTED', 3),"
            " (5, 'e', 'stream', 'FAILURE', 3), (6, 'f', 'stream', 'STARTED', 4);"
            "INSERT INTO daemon_heartbeats VALUES ('2026-11-20 11:00:00');"
        )
    found = keys(home)
    assert "failed_run:repair" in found
    assert not {"failed_run:ingest", "failed_run:stream"} & found
    assert "dead_daemon" in found
    assert "dead_daemon" not in keys(home, datetime(2026, 11, 20, 11, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("phase", "silent_s", "told"),
    [("running", 60, False), ("running", 121, True), ("stopped", 9999, False),
     ("given_up", 0, True)],
)  # fmt: skip
def test_a_stream_that_is_silent_or_gave_up_is_told(
    home: Settings, phase: str, silent_s: int, told: bool
) -> None:
    folder = home.state / "stream" / "shop"
    folder.mkdir(parents=True)
    beat = {"phase": phase, "beat_at": (NOW - timedelta(seconds=silent_s)).isoformat()}
    (folder / "heartbeat.json").write_text(json.dumps(beat))
    assert ("stream:shop" in keys(home)) is told


@pytest.mark.parametrize(
    ("lag", "idle_s", "told"),
    [(7, 901, True), (7, 899, False), (0, 9999, False), (None, 901, False)],
)
def test_a_stream_that_commits_nothing_while_lines_wait_has_stalled(
    home: Settings, lag: int | None, idle_s: int, told: bool
) -> None:
    folder = home.state / "stream" / "shop"
    folder.mkdir(parents=True)
    beat = {"phase": "running", "beat_at": NOW.isoformat(), "lag": lag,
            "committed_at": (NOW - timedelta(days=1)).isoformat(),
            "waiting_since": (NOW - timedelta(seconds=idle_s)).isoformat()}  # fmt: skip
    (folder / "heartbeat.json").write_text(json.dumps(beat))
    [*found] = (alert.title for alert in standing(home, now=NOW) if alert.key == "stream:shop")
    assert found == (["The stream of shop has stalled: 7 lines wait"] if told else [])


def test_a_wrong_address_is_refused_without_showing_it() -> None:
    with pytest.raises(UsageError, match=r"alerts\.urls\[1\]") as refused:
        sender(["json://localhost/", "nonsense-secret"])
    assert "secret" not in str(refused.value)
