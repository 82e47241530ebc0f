"""Columns that tell robots from people: rows with and without them, and rows that are theirs."""

from typing import Any

from clickstream_platform.tables.contract import column
from clickstream_platform.tables.traffic import ALL_TRAFFIC, TRAFFIC

BOTS = "gold/bot_visitors_hourly"
_OF = (f"{BOTS}.is_bot",)


def traffic(
    without: str = "visitors that are robots in an hour of the day", *, of: tuple[str, ...] = _OF
) -> Any:
    """Key of a mart that counts every row twice: with robots, and without.

    Rows from before there was such a column are of all traffic.
    """
    return column(
        f"`all`, or `human`: without {without}.", of=of, isin=list(TRAFFIC), before=ALL_TRAFFIC
    )


def traffic_of_hour(without: str = "visitors that are robots in the hour") -> Any:
    """The same of an hourly mart: the very hour decides."""
    return traffic(without)


def traffic_of_all_days(of: tuple[str, ...] = _OF) -> Any:
    """The same of a mart over all time: a robot is left out on the days on which it is one."""
    return traffic("what visitors did on days on which they are robots", of=of)


def is_bot() -> Any:
    """Rows from before there was such a column counted as people's."""
    return column("Its visitor is a robot in an hour of the day.", of=_OF, before=False)
