"""Whose fault it is that a life of a stream ends: of where it stood, or of what it runs on."""

from __future__ import annotations

from clickstream_platform.errors import EnvironmentProblemError
from clickstream_platform.streaming.full_disk import is_full
from clickstream_platform.streaming.outage import names_brokers
from clickstream_platform.streaming.state import Heartbeat, after_death, after_failure

ENGINES_IN_A_ROW = 10  # lost to one process; then its keeper waits longer and longer each time


def counted(
    beat: Heartbeat, error: Exception, *, position: str | None, is_lost: bool, has_run: bool
) -> Heartbeat:
    """The heartbeat with this failure counted: at its position, as an outage, or as both.

    `is_lost`: brokers or engine do not answer after it. An engine that answered until then, for
    the life `has_run`, died: perhaps of what was in work. One that cannot be had died of nothing.
    """
    if isinstance(error, EnvironmentProblemError) or is_full(error):
        return after_failure(beat, None, is_outage=True)
    if not is_lost:
        return after_failure(beat, position, is_outage=False)
    if not has_run or names_brokers(error):
        return after_failure(beat, None, is_outage=True)
    return after_death(beat, position)


def may_begin_anew(told: Heartbeat, *, max_failures: int) -> bool:
    """Whether the next life may begin in the process of the one that ended so.

    A lost engine is no fault of the process; but lines that end it are given up after
    `max_failures`. After anything else the process is believed once.
    """
    if told.outages:
        return told.failures < max_failures and told.outages <= ENGINES_IN_A_ROW
    return told.failures <= 1
