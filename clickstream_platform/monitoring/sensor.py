"""Checks the alert rules while Dagster's daemon runs; a dead daemon is noticed from cron."""

from datetime import UTC, datetime

import dagster as dg

from clickstream_platform.monitoring.rules import standing
from clickstream_platform.settings import settings

_IS_WANTED = bool(settings().alerts.urls)


@dg.sensor(
    minimum_interval_seconds=settings().alerts.interval_s,
    default_status=(
        dg.DefaultSensorStatus.RUNNING if _IS_WANTED else dg.DefaultSensorStatus.STOPPED
    ),
    description="Tells people what began and what is over, through `alerts.urls`.",
)
def alerts_sensor(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Starts no run; a message that could not be sent fails the tick and is tried by the next."""
    from clickstream_platform.monitoring.notifier import tell  # noqa: PLC0415 (imports apprise)

    now = datetime.now(UTC)
    found = standing(settings(), now=now)
    told = tell(settings(), found, now=now)
    for alert in told.begun:
        context.log.warning(f"{alert.title}: {alert.body}")
    return dg.SkipReason(
        f"{len(found)} alerts stand; told {len(told.begun)} new and {len(told.over)} over"
    )
