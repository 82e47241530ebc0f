"""Columns that tell robots from people: rows with and without them, and rows that are theirs."""

from typing import Any

from clickstream_platform.tables.contract import column

TRAFFIC = ("all", "human")
BOTS = "gold/bot_visitors_hourly"
_OF = (f"{BOTS}.is_bot",)


def traffic() -> Any:
    """Key of a mart that counts every row twice: with robots, and without."""
    return column(
        "`all`, or `human`: without visitors that are robots in an hour of the day.",
        of=_OF,
        isin=list(TRAFFIC),
    )


def traffic_of_all_days() -> Any:
    """The same of a mart over all time: a robot is left out on the days on which it is one."""
    return column(
        "`all`, or `human`: without what visitors did on days on which they are robots.",
        of=_OF,
        isin=list(TRAFFIC),
    )


def is_bot() -> Any:
    return column("Its visitor is a robot in an hour of the day.", of=_OF)
