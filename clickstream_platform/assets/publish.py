"""Gold for BI tools: published to PostgreSQL, what changed and nothing else."""

import dagster as dg

from clickstream_platform.settings import settings
from clickstream_platform.tables.gold import GOLD


@dg.asset(
    key=["bi", "publish_postgres"],
    deps=[dg.AssetKey(table.key) for table in GOLD],
    group_name="bi",
    kinds={"postgres"},
    owners=["team:analytics"],
)
def publish_postgres(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """Star schema and views in PostgreSQL; each changed hour replaced in one transaction."""
    from clickstream_platform.publish.bi import publish_gold  # noqa: PLC0415 (imports psycopg)

    done = publish_gold(settings(), on_table=lambda table: context.log.info(str(table)))
    return dg.MaterializeResult(
        metadata={
            "written_partitions": sum(table.written for table in done.tables),
            "unchanged_partitions": sum(table.skipped for table in done.tables),
            "rows_sent": sum(table.rows for table in done.tables),
            "views": ", ".join(done.views),
        }
    )


publish_job = dg.define_asset_job(
    "publish_postgres",
    selection=dg.AssetSelection.assets(publish_postgres),
    description="Gold into PostgreSQL: the hours that changed.",
)
publish_schedule = dg.ScheduleDefinition(
    name="publish_schedule",
    job=publish_job,
    cron_schedule="5 * * * *",
    execution_timezone="UTC",
    description="Each hour what changed. Off at first: it needs CLICKSTREAM_POSTGRES_URL.",
)
