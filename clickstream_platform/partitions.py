"""The hourly and the daily partitioning that all tables share, and the weekly one of reports."""

import dagster as dg

from clickstream_platform.hours import HOUR_FORMAT, day_of, shift, shift_day
from clickstream_platform.settings import settings

HOURLY = dg.HourlyPartitionsDefinition(
    start_date=settings().first_hour,
    # Dagster's end is exclusive; ours names the last hour that exists.
    end_date=shift(settings().last_hour, 1) if settings().last_hour else None,  # type: ignore[arg-type]
    fmt=HOUR_FORMAT,
    timezone="UTC",
    end_offset=0 if settings().last_hour else 2,  # the running hour and the next, for allowed skew
)
DAILY = dg.DailyPartitionsDefinition(
    start_date=day_of(settings().first_hour),
    end_date=shift_day(day_of(settings().last_hour), 1) if settings().last_hour else None,  # type: ignore[arg-type]
    timezone="UTC",
    end_offset=0 if settings().last_hour else 2,  # the running day and the next
)
WEEKLY = dg.WeeklyPartitionsDefinition(
    start_date=day_of(settings().first_hour),
    end_date=shift_day(day_of(settings().last_hour), 7) if settings().last_hour else None,  # type: ignore[arg-type]
    day_offset=1,  # Monday, as in ISO weeks
    timezone="UTC",
    end_offset=0 if settings().last_hour else 1,  # the running week
)
