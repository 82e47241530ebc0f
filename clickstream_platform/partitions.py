"""The one hourly partitioning every hourly asset shares."""

import dagster as dg

from clickstream_platform.hours import HOUR_FORMAT, shift
from clickstream_platform.settings import settings

HOURLY = dg.HourlyPartitionsDefinition(
    start_date=settings().first_hour,
    # Dagster's end is exclusive; ours names the last hour that exists.
    end_date=shift(settings().last_hour, 1) if settings().last_hour else None,  # type: ignore[arg-type]
    fmt=HOUR_FORMAT,
    timezone="UTC",
    end_offset=0 if settings().last_hour else 2,  # the running hour and the next, for allowed skew
)
