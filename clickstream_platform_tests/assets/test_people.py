"""The assets and the sensor people look through, in the one Definitions, on a real home."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from clickstream_platform_tests.queries import lake_rows


def test_the_day_s_report_is_kept_and_the_sensor_tells_and_skips(tmp_path: Path) -> None:
    home = lake_rows.build(tmp_path)
    script = (
        "import dagster as dg\n"
        "from clickstream_platform.definitions import defs\n"
        "names = {sensor.name for sensor in defs.sensors}\n"
        "assert 'alerts_sensor' in names, names\n"
        "from clickstream_platform.assets.reports import report_daily\n"
        "from clickstream_platform.monitoring.sensor import alerts_sensor\n"
        "instance = dg.DagsterInstance.ephemeral()\n"
        "done = dg.materialize([report_daily], partition_key='2026-11-20', instance=instance)\n"
        "assert done.success\n"
        "[event] = done.get_asset_materialization_events()\n"
        "assert event.partition == '2026-11-20'\n"
        "assert event.materialization.metadata['bytes'].value > 100_000\n"
        "from clickstream_platform.assets.reports import report_weekly\n"
        "done = dg.materialize([report_weekly], partition_key='2026-11-16', instance=instance)\n"
        "assert done.success\n"
        "tick = alerts_sensor(dg.build_sensor_context(instance=instance))\n"
        "print(tick.skip_message)\n"
    )
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("CLICKSTREAM_", "DAGSTER_"))}
    found = subprocess.run(
        [sys.executable, "-c", script],
        env={**kept, "CLICKSTREAM_HOME": str(home.home)},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    assert "alerts stand" in found.stdout
    assert "ALERT silver/events breaks unique" in found.stderr
    for name in ("2026-11-20", "2026-W47"):
        text = (home.home / "reports" / f"{name}.html").read_text()
        assert f"Shop report {name}" in text
        assert "Sessions<b>4</b>" in text
    assert not list((home.home / "reports").glob("*.tmp"))
