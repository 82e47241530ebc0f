"""The metrics are as Prometheus reads them, and the board and rules ask for ones that exist."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from clickstream_platform.monitoring.metrics import write
from clickstream_platform.settings import PROJECT_ROOT, Settings
from clickstream_platform.streaming.state import Heartbeat, StreamFolder, utc_now
from clickstream_platform_tests.queries import lake_rows

DOCS = PROJECT_ROOT / "docs" / "monitoring"
NEEDS_DAEMON = {"clickstream_daemon_up", "clickstream_runs_unfinished"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    found = lake_rows.build(tmp_path_factory.mktemp("metrics"))
    StreamFolder(found, "shop").beat(
        Heartbeat("shop", "running", "r", "r|999999999|0", utc_now(), utc_now(), lag=3)
    )
    return found


@pytest.fixture(scope="module")
def samples(home: Settings, tmp_path_factory: pytest.TempPathFactory) -> dict[Any, float]:
    folder: Path = tmp_path_factory.mktemp("textfile")
    write(home, folder / "clickstream.prom")
    text = (folder / "clickstream.prom").read_text()
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_metrics_are_the_tables_numbers(samples: dict[tuple[str, ...], float]) -> None:
    assert samples["clickstream_table_rows", "gold/fact_sessions"] == 4
    assert samples["clickstream_table_red_partitions", "silver/events"] == 1
    assert samples["clickstream_table_blocked_partitions", "silver/events"] == 1
    assert samples["clickstream_lines", "quarantined", "shop"] == 2
    assert samples["clickstream_alerts_standing", "red_checks"] == 2
    assert samples["clickstream_engine_up",] == 0
    assert samples["clickstream_table_cpu_seconds_total", "silver/events"] == 9.0
    assert samples["clickstream_table_written_bytes_total", "silver/events"] == 5000
    assert samples["clickstream_stream_lag_lines", "shop"] == 3
    assert samples["clickstream_stream_up", "shop"] == 0  # its process is not there
    assert samples["clickstream_table_crowded_partitions", "silver/events"] == 0
    assert samples["clickstream_table_small_file_share", "silver/events"] == 0
    assert samples["clickstream_table_commits_since_checkpoint", "silver/events"] >= 1
    through = samples["clickstream_data_through_timestamp_seconds", "silver/events"]
    assert through == lake_rows.at("11:07:00").timestamp()


def test_board_and_rules_ask_only_for_metrics_that_exist(
    samples: dict[tuple[str, ...], float],
) -> None:
    rules = yaml.safe_load((DOCS / "prometheus-alerts.yml").read_text())
    board = json.loads((DOCS / "grafana-board.json").read_text())
    asked = [rule["expr"] for rule in rules["groups"][0]["rules"]]
    asked += [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    wanted = {name for expr in asked for name in re.findall(r"clickstream_\w+", expr)}
    assert len(wanted) >= 8
    assert wanted <= {key[0] for key in samples} | NEEDS_DAEMON


@pytest.fixture(scope="module")
def promtool() -> str:
    beside = Path(sys.executable).parent / "promtool"
    found = str(beside) if beside.exists() else shutil.which("promtool")
    if found is None:
        pytest.skip("NO PROMTOOL: Prometheus' own check was NOT made (scripts/test_services.sh)")
    return found


def checked(promtool: str, *arguments: str, text: str = "") -> str:
    """What promtool says; it must find nothing wrong."""
    done = subprocess.run(
        [promtool, *arguments], input=text, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_prometheus_own_checker_accepts_metrics_and_rules(
    promtool: str, home: Settings, tmp_path: Path
) -> None:
    write(home, tmp_path / "clickstream.prom")
    text = (tmp_path / "clickstream.prom").read_text()
    assert checked(promtool, "check", "metrics", text=text) == ""
    said = checked(promtool, "check", "rules", str(DOCS / "prometheus-alerts.yml"))
    assert "SUCCESS: 10 rules found" in said


def test_prometheus_reads_every_expression_of_the_board(promtool: str, tmp_path: Path) -> None:
    board = json.loads((DOCS / "grafana-board.json").read_text())
    rules = [
        {"record": f"board:panel_{panel['id']}_{at}", "expr": target["expr"]}
        for panel in board["panels"]
        for at, target in enumerate(panel["targets"])
    ]
    (tmp_path / "board.yml").write_text(
        yaml.safe_dump({"groups": [{"name": "board", "rules": rules}]})
    )
    assert f"{len(rules)} rules found" in checked(
        promtool, "check", "rules", str(tmp_path / "board.yml")
    )
    taken = [(panel["gridPos"]["y"], panel["gridPos"]["x"]) for panel in board["panels"]]
    assert len(set(taken)) == len(taken)
    assert all(panel["targets"] and panel["title"] for panel in board["panels"])


def test_prometheus_raises_and_ends_each_alert_in_time(promtool: str, tmp_path: Path) -> None:
    """Prometheus' own test runner: trouble for half an hour, then none."""
    troubles = {
        "ClickstreamRunFailed": ('clickstream_alerts_standing{rule="failed_runs"}', "0 1", "0"),
        "ClickstreamStreamStalled": (
            'clickstream_alerts_standing{rule="stalled_stream"}', "0 1", "0",
        ),
        "ClickstreamManyRejected": (
            'clickstream_alerts_standing{rule="quarantine_rate"}', "0 1", "0",
        ),
        "ClickstreamSilent": (
            'node_textfile_mtime_seconds{file="/metrics/clickstream.prom"}', "0 -7200", "3000",
        ),
        "ClickstreamRedCheck": (
            'clickstream_table_red_partitions{table="silver/events"}', "0 2", "0",
        ),
        "ClickstreamDaemonDown": ("clickstream_daemon_up", "1 0", "1"),
        "ClickstreamLandingFailed": ('clickstream_landing_files{state="failed"}', "0 3", "0"),
    }  # fmt: skip
    tests = []
    for alert, (series, trouble, calm) in troubles.items():
        good, bad = trouble.split()
        values = f"{good}x4 {bad}x29 {calm}x30"
        also = series.replace("red_partitions", "blocked_partitions")
        inputs = [{"series": series, "values": values}]
        if also != series:
            inputs.append({"series": also, "values": "0x70"})
        inputs.append({"series": "clickstream_table_rows", "values": "1x70"})
        tests.append({
            "interval": "1m",
            "input_series": inputs,
            "promql_expr_test": [
                {"expr": f'count(ALERTS{{alertname="{alert}", alertstate="firing"}}) or vector(0)',
                 "eval_time": f"{minute}m", "exp_samples": [{"labels": "{}", "value": value}]}
                for minute, value in ((2, 0), (33, 1), (50, 0))
            ],
        })  # fmt: skip
    content = {"rule_files": [str(DOCS / "prometheus-alerts.yml")], "tests": tests}
    (tmp_path / "tests.yml").write_text(yaml.safe_dump(content))
    assert "SUCCESS" in checked(promtool, "test", "rules", str(tmp_path / "tests.yml"))
