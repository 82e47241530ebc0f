"""The shop's report of each day, kept as `<home>/reports/<day>.html`."""

import dagster as dg

from clickstream_platform.partitions import DAILY
from clickstream_platform.settings import settings
from clickstream_platform.tables.gold import GOLD


@dg.asset(
    key=["report", "daily"],
    deps=[dg.AssetKey(table.key) for table in GOLD],
    partitions_def=DAILY,
    backfill_policy=dg.BackfillPolicy.single_run(),
    group_name="report",
    kinds={"html"},
    owners=["team:analytics"],
)
def report_daily(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """One HTML file per day; made again, it takes the old one's place when it is whole."""
    # Plots and templates: every run's process would import them.
    from clickstream_platform.report.contents import shop_report  # noqa: PLC0415
    from clickstream_platform.report.period import day  # noqa: PLC0415

    folder = settings().reports
    folder.mkdir(parents=True, exist_ok=True)
    for name in context.partition_keys:
        path = folder / f"{name}.html"
        unfinished = path.with_suffix(".tmp")
        unfinished.write_text(shop_report(settings(), day(name)), encoding="utf-8")
        unfinished.replace(path)
        metadata = {"file": dg.MetadataValue.path(path), "bytes": path.stat().st_size}
        context.add_asset_metadata(metadata, partition_key=name)
    return dg.MaterializeResult()


report_job = dg.define_asset_job(
    "report_daily",
    selection=dg.AssetSelection.assets(report_daily),
    description="The report of the chosen days.",
)
report_schedule = dg.build_schedule_from_partitioned_job(
    report_job, hour_of_day=2, description="Each night the report of the day before."
)
