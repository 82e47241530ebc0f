"""Everything Dagster needs to know."""

import dagster as dg

from clickstream_platform.assets.catalogue import catalogue
from clickstream_platform.assets.daily import daily, snapshots
from clickstream_platform.assets.hourly import bronze, gold, silver
from clickstream_platform.assets.jobs import ASSET_JOBS
from clickstream_platform.assets.orphans import orphans
from clickstream_platform.assets.publish import publish_job, publish_postgres, publish_schedule
from clickstream_platform.assets.reports import (
    REPORT_JOBS,
    REPORT_SCHEDULES,
    report_daily,
    report_weekly,
)
from clickstream_platform.assets.specs import spec_of
from clickstream_platform.automation.marts import (
    catalogue_sensor,
    snapshots_sensor,
    touched_days_sensor,
)
from clickstream_platform.automation.sensors import landing_sensor, touched_hours_sensor
from clickstream_platform.maintenance.job import maintain_job, maintain_schedule
from clickstream_platform.monitoring.freshness_sensor import freshness_sensor
from clickstream_platform.monitoring.sensor import alerts_sensor
from clickstream_platform.resources.home import Home
from clickstream_platform.resources.lake import Lake
from clickstream_platform.resources.spark import SparkEngine
from clickstream_platform.settings import settings
from clickstream_platform.streaming.keeper import stream_keeper
from clickstream_platform.streaming.op import stream
from clickstream_platform.tables.costs import COST_HOURLY
from clickstream_platform.tables.ops import DQ_RESULTS, HOUR_STATE

defs = dg.Definitions(
    assets=[
        *(
            bronze,
            catalogue,
            silver,
            gold,
            daily,
            snapshots,
            spec_of(HOUR_STATE),
            spec_of(DQ_RESULTS),
            spec_of(COST_HOURLY),
        ),
        *(report_daily, report_weekly, publish_postgres),
    ],
    asset_checks=[orphans],
    jobs=[
        *(*ASSET_JOBS, *REPORT_JOBS),
        *(publish_job, stream, maintain_job),
    ],
    schedules=[*REPORT_SCHEDULES, publish_schedule, maintain_schedule],
    sensors=[
        *(landing_sensor, touched_hours_sensor, touched_days_sensor, snapshots_sensor),
        *(catalogue_sensor, alerts_sensor, freshness_sensor, stream_keeper),
    ],
    resources={
        "lake": Lake(engine=SparkEngine.of(settings())),
        "home": Home(path=str(settings().home)),
    },
    executor=dg.in_process_executor,  # one process per run: Spark does the parallel work
)
