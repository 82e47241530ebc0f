"""The kinds of traffic that hourly marts have rows of: all of it, and that without robots."""

from typing import Any

from clickstream_platform.tables.contract import column

ALL_TRAFFIC = "all"
TRAFFIC_OF_HOUR = (ALL_TRAFFIC, "human")
_WORDS = "`all`, or `human`: without visitors that are robots in the hour."


def traffic_of_hour(description: str = _WORDS) -> Any:
    """The key column `traffic`; rows from before there was one are of all traffic."""
    return column(
        description,
        of=("gold/bot_visitors_hourly.is_bot",),
        isin=list(TRAFFIC_OF_HOUR),
        before=ALL_TRAFFIC,
    )
