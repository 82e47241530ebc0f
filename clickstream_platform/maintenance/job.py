"""Upkeep as a Dagster job, each night once its schedule is switched on."""

from datetime import UTC, datetime

import dagster as dg

from clickstream_platform.automation.reaper import name_process
from clickstream_platform.maintenance.everything import Upkeep, upkeep
from clickstream_platform.resources.lake import Lake


@dg.op
def look_after_tables(context: dg.OpExecutionContext, lake: Lake) -> None:
    """Does what `clickstream maintain` does; what came of it is the step's metadata."""
    name_process(context)
    with lake.building("maintain", run_id=context.run_id) as workspace:
        found = upkeep(
            workspace, instance=context.instance, run_id=context.run_id, now=datetime.now(UTC)
        )
    context.add_output_metadata(_metadata(found))
    if found.problems:
        raise dg.Failure("; ".join(found.problems), allow_retries=False)


@dg.job(
    name="maintain",
    description="Compacts closed hours, removes files and runs that nobody needs. No row changes.",
    tags={"dagster/max_retries": "0"},  # the next night goes on where it ended
)
def maintain_job() -> None:
    look_after_tables()


maintain_schedule = dg.ScheduleDefinition(
    name="maintain_schedule",
    job=maintain_job,
    cron_schedule="30 3 * * *",
    execution_timezone="UTC",
    description="Upkeep each night. Off at first: it ends time travel beyond the retention.",
)


def _metadata(found: Upkeep) -> dict[str, dg.MetadataValue]:
    done = found.done or ()
    rows = [
        dg.TableRecord(
            {
                "table": entry.plan.table,
                "hours": len(entry.compacted),
                "files_before": entry.plan.files,
                "files_after": entry.files,
                "bytes_freed": entry.freed_size,
                "refused_for": "; ".join(map(str, entry.plan.lagging)),
            }
        )
        for entry in done
    ]
    kinds = {"table": "string", "refused_for": "string"}
    schema = dg.TableSchema(
        [
            dg.TableColumn(name, kinds.get(name, "int"))
            for name in (
                *("table", "hours", "files_before", "files_after"),
                *("bytes_freed", "refused_for"),
            )
        ]
    )
    return {
        "tables": dg.MetadataValue.table(rows, schema),
        "hours_compacted": dg.MetadataValue.int(sum(len(entry.compacted) for entry in done)),
        "files_before": dg.MetadataValue.int(sum(entry.plan.files for entry in done)),
        "files_after": dg.MetadataValue.int(sum(entry.files for entry in done)),
        "bytes_freed": dg.MetadataValue.int(sum(entry.freed_size for entry in done)),
        "tables_refused": dg.MetadataValue.int(sum(bool(e.plan.lagging) for e in done)),
        "leftovers_removed": dg.MetadataValue.int(len(found.leftovers)),
        "runs_removed": dg.MetadataValue.int(found.old_runs),
    }
