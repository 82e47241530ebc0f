"""The process a contender runs in: it imports, says `ready`, and does one job per line it is sent.

`python -m benchmarks.worker CONTENDER`; jobs and answers are JSON lines.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Job = Callable[[dict[str, Any]], dict[str, Any]]
MEMORY_VARIABLE = "BENCHMARK_JVM_MEMORY"


def main() -> None:
    answers = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):
        job = PREPARE[sys.argv[1]]()
        print("ready", file=answers, flush=True)
        for line in sys.stdin:
            began = time.perf_counter()
            try:
                answer = job(json.loads(line))
            except Exception as error:  # the harness stops with these words
                answer = {"error": f"{type(error).__name__}: {error}"}
            answer["seconds"] = time.perf_counter() - began
            print(json.dumps(answer), file=answers, flush=True)


def platform() -> Job:
    """One process serves one home: the definitions are bound to it when they are imported.

    As the others have their session, this one has Dagster's: imports, definitions, resolved jobs,
    and an open instance whose databases exist. Every run, event and plan is inside the clock.
    """
    from clickstream_platform.build.workspace import Workspace  # noqa: PLC0415
    from clickstream_platform.engine.client import shared_session  # noqa: PLC0415
    from clickstream_platform.running import session, work  # noqa: PLC0415
    from clickstream_platform.settings import settings  # noqa: PLC0415

    Workspace(settings(), lambda: shared_session(settings())).init_tables()  # once in a home's life
    for name in ("ingest", "repair"):
        session.defs.resolve_job_def(name)
    opened = session.Runs.open(settings())  # what the job opens then finds its databases
    opened.instance.get_run_ids(limit=1)

    def job(given: dict[str, Any]) -> dict[str, Any]:
        request = work.Request(
            given.get("first"), given.get("last"), exact=True, force=given.get("force", False)
        )
        done = work.bring_up_to_date(settings(), request, on_plan=lambda *_: lambda _: None)
        blocked = [f"{r.table} {r.hour} {r.blocked_by}" for r in done.reports if r.blocked_by]
        return {"runs": done.run_count, "blocked": blocked}

    return job


def builds() -> Job:
    """The platform's own builds, called one after the other: no Dagster, same checks."""
    from clickstream_platform.build.bronze import build_bronze  # noqa: PLC0415
    from clickstream_platform.build.gold import build_gold  # noqa: PLC0415
    from clickstream_platform.build.silver import build_silver  # noqa: PLC0415
    from clickstream_platform.build.staleness import stale_gold, stale_silver  # noqa: PLC0415
    from clickstream_platform.build.workspace import Workspace  # noqa: PLC0415
    from clickstream_platform.engine.client import shared_session  # noqa: PLC0415
    from clickstream_platform.settings import settings  # noqa: PLC0415
    from clickstream_platform.storage import hour_state  # noqa: PLC0415

    workspace = Workspace(settings(), lambda: shared_session(settings()))
    workspace.init_tables()

    def job(given: dict[str, Any]) -> dict[str, Any]:
        del given
        workspace.look_at_landing()
        build_bronze(workspace, list(workspace.manifest.waiting_hours()), run_id="builds")
        stale = stale_silver(workspace, hour_state.current(workspace.lake))
        build_silver(workspace, stale, run_id="builds")
        build_gold(
            workspace, stale_gold(workspace, hour_state.current(workspace.lake)), run_id="builds"
        )
        return {"runs": 0, "blocked": []}

    return job


def bare_spark() -> Job:
    import tempfile  # noqa: PLC0415

    from benchmarks import bare_spark as bare  # noqa: PLC0415
    from benchmarks import spark_work  # noqa: PLC0415

    spark = bare.session(
        memory=os.environ.get(MEMORY_VARIABLE, "3g"),
        scratch=Path(tempfile.mkdtemp(prefix="clickstream-bare-")),
    )

    begun = 0

    def job(given: dict[str, Any]) -> dict[str, Any]:
        nonlocal begun
        if given.get("tell"):
            return spark_work.work_since(spark, begun)
        begun = spark_work.jobs_begun(spark)
        bare.run(spark, Path(given["landing"]), Path(given["out"]))
        return {}

    return job


def duckdb_deltars() -> Job:
    from benchmarks import duckdb_deltars as duck  # noqa: PLC0415

    def job(given: dict[str, Any]) -> dict[str, Any]:
        duck.run(Path(given["landing"]), Path(given["out"]))
        return {}

    return job


PREPARE: dict[str, Callable[[], Job]] = {
    "platform": platform,
    "builds": builds,
    "bare_spark": bare_spark,
    "duckdb_deltars": duckdb_deltars,
}

if __name__ == "__main__":
    main()
