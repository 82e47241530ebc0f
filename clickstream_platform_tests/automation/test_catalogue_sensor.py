"""The catalogue is asked for once per state of its feeds, without Spark."""

from __future__ import annotations

from pathlib import Path

import dagster as dg

from clickstream_platform.automation.marts import catalogue_sensor
from clickstream_platform.build.inputs import DayInputs
from clickstream_platform.resources.home import Home
from clickstream_platform.storage import delta, hour_state
from clickstream_platform.storage.hour_state import HourStateRow
from clickstream_platform.tables.catalogue import BRONZE_CATALOGUE, CATALOGUE
from clickstream_platform.tables.contract import SNAPSHOT_KEY
from clickstream_platform.tables.ops import HOUR_STATE


def state(table: str, key: str, version: int, code: str, digest: str | None = None) -> HourStateRow:
    return HourStateRow(
        table=table,
        hour=key,
        version=version,
        input_version=-1,
        row_count=1,
        code_version=code,
        run_id="r",
        reach_from=key,
        reach_to=key,
        input_digest=digest,
    )


def test_new_feed_lines_ask_for_one_run_until_it_is_built(tmp_path: Path) -> None:
    home = Home(path=str(tmp_path / "home"))
    workspace = home.workspace
    delta.init_table(workspace.lake, HOUR_STATE, None)

    def tick() -> list[str]:
        context = dg.build_sensor_context(
            instance=instance, resources={"home": home}, sensor_name="catalogue_sensor"
        )
        return [str(request.run_key) for request in catalogue_sensor(context).run_requests or ()]

    with dg.DagsterInstance.ephemeral(tempdir=str(tmp_path)) as instance:
        assert tick() == []
        fed = state(BRONZE_CATALOGUE.path, "2024-11-29T10", 1, "received")
        hour_state.record(workspace.lake, [fed], run_id="r")
        [first] = tick()
        assert tick() == [first]  # Dagster starts a run key once
        digest = DayInputs(hour_state.current(workspace.lake)).digest(CATALOGUE[0], SNAPSHOT_KEY)
        built = [
            state(table.path, SNAPSHOT_KEY, 1, workspace.catalogue_code, digest)
            for table in CATALOGUE
        ]
        hour_state.record(workspace.lake, built, run_id="r")
        assert tick() == []
        late = state(BRONZE_CATALOGUE.path, "2024-11-29T08", 2, "received")
        hour_state.record(workspace.lake, [late], run_id="r")
        [second] = tick()
        assert second != first
