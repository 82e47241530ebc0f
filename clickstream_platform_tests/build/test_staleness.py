"""Which hours of silver must be judged again, without an engine."""

from dataclasses import replace
from pathlib import Path

from clickstream_platform.build.staleness import stale_silver
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.settings import CheckSettings, read_settings
from clickstream_platform.storage.hour_state import HourStateRow

HOUR = "2024-11-29T10"


def workspace_with(home: Path, *, max_reject_rate: float) -> Workspace:
    checks = CheckSettings(max_reject_rate=max_reject_rate)
    return Workspace(read_settings(home=home, checks=checks), lambda: None)  # type: ignore[arg-type, return-value]


def test_a_held_back_hour_is_judged_again_only_when_a_threshold_changes(tmp_path: Path) -> None:
    strict = workspace_with(tmp_path, max_reject_rate=0.5)
    mild = workspace_with(tmp_path, max_reject_rate=0.9)
    bronze = HourStateRow(
        table="bronze/events",
        hour=HOUR,
        version=1,
        input_version=-1,
        row_count=30,
        code_version="received",
        run_id="r",
        reach_from=HOUR,
        reach_to=HOUR,
    )
    settled = replace(
        bronze, table="silver/events", input_version=1, code_version=strict.silver_code
    )
    held = replace(settled, blocked_by="reject_rate", code_version=strict.blocked_code)
    for row, again in ((settled, []), (held, [HOUR])):
        states = {("bronze/events", HOUR): bronze, ("silver/events", HOUR): row}
        assert stale_silver(strict, states) == []
        assert stale_silver(mild, states) == again
