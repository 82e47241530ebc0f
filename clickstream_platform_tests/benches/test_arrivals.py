"""Of a run with several steps the benchmark books the work of each as the engine's."""

from __future__ import annotations

import time
from pathlib import Path

import dagster as dg

from benchmarks.arrivals import PARTS, parts_of

STEP_S = 0.3


@dg.asset
def silver() -> dg.MaterializeResult:
    time.sleep(STEP_S)
    return dg.MaterializeResult()


@dg.asset(deps=[silver])
def gold() -> dg.MaterializeResult:
    time.sleep(STEP_S)
    return dg.MaterializeResult()


def test_gold_s_step_is_engine_work_as_silver_s_is(tmp_path: Path) -> None:
    defs = dg.Definitions([silver, gold], jobs=[dg.define_asset_job("repair", [silver, gold])])
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        run = defs.resolve_job_def("repair").execute_in_process(instance=instance)
        record = instance.get_run_record_by_id(run.run_id)
        assert record
        since = record.create_timestamp.timestamp()
        parts = parts_of(instance, record, since)

    assert parts["engine"] >= 2 * STEP_S
    assert set(parts) == {*PARTS}
    assert record.end_time
    assert abs(sum(parts.values()) - (record.end_time - since)) < 1e-3
    assert parts["told to Dagster"] >= 0
