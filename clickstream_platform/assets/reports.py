"""The shop's report of each day and ISO week, kept as `<home>/reports/<day or week>.html`."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from clickstream_platform.partitions import DAILY, WEEKLY
from clickstream_platform.settings import settings
from clickstream_platform.tables.gold import GOLD

if TYPE_CHECKING:
    from clickstream_platform.report.period import Period

_SHARED: dict[str, Any] = {
    "deps": [dg.AssetKey(table.key) for table in GOLD],
    "backfill_policy": dg.BackfillPolicy.single_run(),
    "group_name": "report",
    "kinds": {"html"},
    "owners": ["team:analytics"],
}


@dg.asset(key=["report", "daily"], partitions_def=DAILY, **_SHARED)
def report_daily(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """One HTML file per day; made again, it takes the old one's place when it is whole."""
    from clickstream_platform.report.period import day  # noqa: PLC0415 (as below)

    return _write(context, day)


@dg.asset(key=["report", "weekly"], partitions_def=WEEKLY, **_SHARED)
def report_weekly(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """One HTML file per ISO week, named like `2026-W48.html`; its partition is the Monday."""
    from clickstream_platform.report.period import week  # noqa: PLC0415 (as below)

    return _write(context, lambda monday: week(f"{date.fromisoformat(monday):%G-W%V}"))


def _write(
    context: dg.AssetExecutionContext, period_of: Callable[[str], "Period"]
) -> dg.MaterializeResult:
    # Plots and templates: every run's process would import them.
    from clickstream_platform.report.contents import shop_report  # noqa: PLC0415

    folder = settings().reports
    folder.mkdir(parents=True, exist_ok=True)
    for key in context.partition_keys:
        period = period_of(key)
        path = folder / f"{period.name}.html"
        unfinished = path.with_suffix(".tmp")
        unfinished.write_text(shop_report(settings(), period), encoding="utf-8")
        unfinished.replace(path)
        metadata = {"file": dg.MetadataValue.path(path), "bytes": path.stat().st_size}
        context.add_asset_metadata(metadata, partition_key=key)
    return dg.MaterializeResult()


_daily = dg.define_asset_job(
    "report_daily",
    selection=dg.AssetSelection.assets(report_daily),
    description="The report of the chosen days.",
)
_weekly = dg.define_asset_job(
    "report_weekly",
    selection=dg.AssetSelection.assets(report_weekly),
    description="The report of the chosen weeks.",
)
REPORT_JOBS = (_daily, _weekly)


# Dagster's own schedule of a partitioned job takes the newest partition, which ours begins early.
@dg.schedule(job=_daily, cron_schedule="0 2 * * *", execution_timezone="UTC")
def report_daily_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Each night the report of the day before."""
    return _request(context, days=1)


@dg.schedule(job=_weekly, cron_schedule="0 3 * * 1", execution_timezone="UTC")
def report_weekly_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Each Monday the report of the week before."""
    return _request(context, days=7)


def _request(context: dg.ScheduleEvaluationContext, *, days: int) -> dg.RunRequest:
    first = context.scheduled_execution_time.date() - timedelta(days=days)
    return dg.RunRequest(run_key=first.isoformat(), partition_key=first.isoformat())


REPORT_SCHEDULES = (report_daily_schedule, report_weekly_schedule)
