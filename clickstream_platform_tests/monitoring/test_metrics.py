"""The metrics are as Prometheus reads them, and the board and rules ask for ones that exist."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from clickstream_platform.monitoring.metrics import write
from clickstream_platform.settings import PROJECT_ROOT
from clickstream_platform_tests.queries import lake_rows

DOCS = PROJECT_ROOT / "docs" / "monitoring"
NEEDS_DAEMON = {"clickstream_daemon_up", "clickstream_runs_unfinished"}


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, ...], float]:
    folder: Path = tmp_path_factory.mktemp("metrics")
    write(lake_rows.build(folder / "home"), folder / "clickstream.prom")
    text = (folder / "clickstream.prom").read_text()
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_metrics_are_the_tables_numbers(samples: dict[tuple[str, ...], float]) -> None:
    assert samples["clickstream_table_rows", "gold/fact_sessions"] == 4
    assert samples["clickstream_table_red_hours", "silver/events"] == 1
    assert samples["clickstream_table_blocked_hours", "silver/events"] == 1
    assert samples["clickstream_lines", "quarantined", "shop"] == 2
    assert samples["clickstream_alerts_standing", "red_checks"] == 2
    assert samples["clickstream_engine_up",] == 0
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
