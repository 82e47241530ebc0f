"""Robots of every kind and pace among people who look like one; both differ by seed."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from clickstream_platform.transforms.agents import agent
from clickstream_platform.transforms.traffic_quality import bot_visitors_hourly

START = datetime(2024, 11, 29, tzinfo=UTC)
HOURS = 6
EACH = 20
CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/131.0 Safari/537.36"
PHONE = "Mozilla/5.0 (Linux; Android 9; CUBOT_X19) AppleWebKit/537.36 Chrome/131.0 Mobile Safari"
CRAWLERS = (
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
)
HEADLESS = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 HeadlessChrome/131.0 Safari/537.36",
    "Mozilla/5.0 (Unknown; Linux x86_64) AppleWebKit/538.1 PhantomJS/2.1.1 Safari/538.1",
)
Event = dict[str, Any]  # `gap_s` since the visitor's event before, and what is not usual
Visit = Iterator[Event]
Dice = random.Random


def dwell(dice: Dice, mean_s: float) -> float:
    """Times on a page: most are short, some are long."""
    return dice.lognormvariate(0, 0.5) * mean_s / 1.133


def paced(dice: Dice, count: int, mean_s: float, **fields: Any) -> Visit:
    return ({"gap_s": dwell(dice, mean_s), **fields} for _ in range(count))


# People.
def shopper(dice: Dice) -> Visit:
    yield from paced(dice, dice.randint(3, 40), dice.uniform(8, 60))
    if dice.random() < 0.1:
        yield {"gap_s": 30.0, "is_order": True}


def fast_clicker(dice: Dice) -> Visit:
    """Looks through a list, without a pause, for up to ten minutes."""
    yield from paced(dice, dice.randint(20, 150), dice.uniform(2.5, 4))


def flicker(dice: Dice) -> Visit:
    """Opens pages in one go, a second each, and then reads one."""
    for _ in range(dice.randint(3, 12)):
        yield from paced(dice, dice.randint(4, 12), dice.uniform(0.8, 1.5))
        yield {"gap_s": dice.uniform(20, 120)}


def gallery(dice: Dice) -> Visit:
    """Flicks through pictures faster than a robot, but not many."""
    yield from paced(dice, dice.randint(8, 18), dice.uniform(0.4, 1.2))


def busy_minute(dice: Dice) -> Visit:
    """44 to 50 events in one UTC minute, within an hour of looking around."""
    yield from ({"gap_s": 10.0} for _ in range(6 * dice.randint(3, 6)))  # whole minutes
    count = dice.randint(43, 49)
    yield from ({"gap_s": 58 / count} for _ in range(count))
    yield from paced(dice, dice.randint(20, 40), dice.uniform(8, 20))


def marathon(dice: Dice) -> Visit:
    """Hundreds of events, hour after hour."""
    yield from paced(dice, dice.randint(400, 900), dice.uniform(4, 12))


def gift_buyer(dice: Dice) -> Visit:
    """Two to four orders in half an hour."""
    for _ in range(dice.randint(2, 4)):
        yield from paced(dice, dice.randint(2, 8), dice.uniform(10, 40))
        yield {"gap_s": dice.uniform(20, 60), "is_order": True}


def shared_device(dice: Dice) -> Visit:
    """Three to five people of one network and kind of device, who count as one visitor."""
    people = dice.randint(3, 5)
    for _ in range(dice.randint(80, 200)):
        yield {"gap_s": dwell(dice, 15 / people), "is_order": dice.random() < 0.01}


def chatty_tracker(dice: Dice) -> Visit:
    """Each page sends two events at once."""
    for _ in range(dice.randint(20, 60)):
        yield {"gap_s": dwell(dice, dice.uniform(6, 20))}
        yield {"gap_s": 0.01}


def resender(dice: Dice) -> Visit:
    """A bad line: an event comes again, changed, up to nine times."""
    yield from paced(dice, 10, 20, reused_id_lines=dice.randint(1, 9))


def odd_phone(dice: Dice) -> Visit:
    """The phone's name ends like a crawler's."""
    yield from paced(dice, dice.randint(5, 40), 15, user_agent=PHONE)


# Robots.
def burst(dice: Dice) -> Visit:
    yield from paced(dice, dice.randint(150, 500), dice.uniform(0.2, 1.0))


def no_dwell(dice: Dice) -> Visit:
    gap_s = dice.uniform(1.2, 1.9)
    yield from ({"gap_s": gap_s} for _ in range(dice.randint(30, 200)))


def crawler(dice: Dice) -> Visit:
    yield from paced(
        dice, dice.randint(2, 200), dice.uniform(3, 60), user_agent=dice.choice(CRAWLERS)
    )


def headless(dice: Dice) -> Visit:
    yield from paced(
        dice, dice.randint(2, 200), dice.uniform(3, 60), user_agent=dice.choice(HEADLESS)
    )


def id_reuse(dice: Dice) -> Visit:
    yield from paced(dice, 1, 10, reused_id_lines=dice.randint(10, 80))


def card_tester(dice: Dice) -> Visit:
    """Five orders or more within 20 minutes."""
    orders = dice.randint(6, 30)
    for _ in range(orders):
        yield {"gap_s": dwell(dice, dice.uniform(2, 600 / orders))}
        yield {"gap_s": dwell(dice, dice.uniform(2, 600 / orders)), "is_order": True}


PEOPLE: tuple[Callable[[Dice], Visit], ...] = (
    shopper, fast_clicker, flicker, gallery, busy_minute, marathon, gift_buyer, shared_device,
    chatty_tracker, resender, odd_phone,
)  # fmt: skip
ROBOTS = {
    burst: "burst", no_dwell: "no_dwell", crawler: "declared_bot", headless: "headless",
    id_reuse: "id_reuse", card_tester: "card_testing",
}  # fmt: skip


def events_of(seed: int) -> pa.Table:
    rows = []
    for kind in (*PEOPLE, *ROBOTS):
        for number in range(EACH):
            dice = Dice(f"{seed} {kind.__name__} {number}")
            moment = START + timedelta(minutes=dice.randrange(HOURS * 60))
            for event in kind(dice):
                moment += timedelta(seconds=event["gap_s"])
                user_agent = event.get("user_agent", CHROME)
                rows.append({
                    "event_hour": f"{moment:%Y-%m-%dT%H}",
                    "visitor_id": f"{kind.__name__} {number}",
                    "event_timestamp": moment,
                    "is_order": event.get("is_order", False),
                    "user_agent": user_agent,
                    "is_declared_bot": agent(user_agent).is_declared_bot,
                    "reused_id_lines": event.get("reused_id_lines", 0),
                })  # fmt: skip
    return pa.Table.from_pylist(rows)


@pytest.mark.parametrize(
    "seed",
    [31_337, *[pytest.param(seed, marks=pytest.mark.prove) for seed in range(920_000, 920_010)]],
)
def test_people_who_look_like_robots_are_not_called_one(seed: int, spark: SparkSession) -> None:
    found = bot_visitors_hourly(spark.createDataFrame(events_of(seed))).where("is_bot").toArrow()
    signals: dict[str, set[str]] = {}
    for row in found.to_pylist():
        signals.setdefault(row["visitor_id"], set()).update(row["bot_signals"])
    counted = Counter(visitor.split()[0] for visitor in signals)
    print(f"seed {seed}, called robots by kind, of {EACH} each: {dict(sorted(counted.items()))}")
    right = sum(counted[kind.__name__] for kind in ROBOTS)
    assert right / (EACH * len(ROBOTS)) >= 0.95, counted
    assert right / len(signals) >= 0.98, counted
    for kind, signal in ROBOTS.items():
        of_kind = [signals.get(f"{kind.__name__} {number}", set()) for number in range(EACH)]
        assert sum(signal in signs for signs in of_kind) >= 0.9 * EACH, kind.__name__
