"""A mapping for an unknown tracker: proposed, tried on a sample, corrected."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from clickstream_platform.cli import main
from clickstream_platform.engine.server import Engine
from clickstream_platform.settings import Settings, settings

LINES = [
    {"uid": "u1", "ts": 1732874400123, "action": "pageview", "url": "https://shop.example/a"},
    {"uid": "u2", "ts": 1732874401123, "action": "buy", "sku": "B", "amount": "9.90", "order": "o"},
    {"uid": "u2", "ts": 1732874402123, "action": "paid again", "sku": "B", "amount": "1"},
    {"uid": "u2", "ts": "not a time", "action": "pageview"},
]


@pytest.fixture
def command(
    tmp_path: Path, engine_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[CliRunner]:
    monkeypatch.setenv("CLICKSTREAM_ENGINE__REMOTE", Engine(engine_settings).ensure())
    monkeypatch.setenv("CLICKSTREAM_HOME", str(tmp_path))
    settings.cache_clear()
    yield CliRunner()
    settings.cache_clear()


@pytest.mark.slow
def test_a_proposal_is_tried_and_corrected_until_only_the_broken_line_is_rejected(
    command: CliRunner, tmp_path: Path
) -> None:
    def call(*arguments: object) -> Result:
        return command.invoke(main, ["--home", str(tmp_path), "source", *map(str, arguments)])

    sample, mapping = tmp_path / "clicks.jsonl", tmp_path / "clicks.yaml"
    sample.write_text("".join(json.dumps(line) + "\n" for line in LINES))
    proposed = call("propose", sample)
    assert proposed.exit_code == 0, proposed.output
    mapping.write_text(proposed.stdout)

    first = call("check", mapping, sample, "--json")
    assert first.exit_code == 1, first.output
    assert json.loads(first.stdout)["warnings"]["unknown_event_name"] == 1

    known = yaml.safe_load(proposed.stdout)
    assert known["event_names"] == {"pageview": "page_view", "buy": "purchase"}
    known["event_names"]["paid again"] = "purchase"
    known["fields"]["transaction_id"] = "order"
    known["ignore"].remove("order")
    mapping.write_text(yaml.safe_dump(known))
    second = json.loads(call("check", mapping, sample, "--json").stdout)
    assert second["verdicts"] == {"accepted": 3, "quarantined": 1}
    assert [row["event_name"] for row in second["events"]] == ["page_view", "purchase", "purchase"]
    assert second["rejected"][0]["reasons"] == ["unparsable_event_timestamp"]

    shown = call("check", mapping, sample)
    assert "4 lines: 3 accepted, 1 quarantined" in shown.stdout
    assert "at 9.90" in shown.stdout
    assert "currency" not in shown.stdout  # no line has one
