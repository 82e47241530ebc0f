"""Columns that tell robots from people: rows with and without them, and rows that are theirs."""

from typing import Any

from clickstream_platform.tables.contract import column

ALL_TRAFFIC = "all"
TRAFFIC = (ALL_TRAFFIC, "human")
BOTS = "gold/bot_visitors_hourly"
_OF = (f"{BOTS}.is_bot",)


def traffic(without: str = "visitors that are robots in an hour of the day") -> Any:
    """Key of a mart that counts every row twice: with robots, and without.

    Rows from before there was such a column are of all traffic.
    """
    return column(
        f"`all`, or `human`: without {without}.", of=_OF, isin=list(TRAFFIC), before=ALL_TRAFFIC
    )


def traffic_of_hour(without: str = "visitors that are robots in the hour") -> Any:
    """The same of an hourly mart: the very hour decides."""
    return traffic(without)


def traffic_of_all_days() -> Any:
    """The same of a mart over all time: a robot is left out on the days on which it is one."""
    return traffic("what visitors did on days on which they are robots")


def is_bot() -> Any:
    return column("Its visitor is a robot in an hour of the day.", of=_OF)
