"""Shops that hypothesis makes up, of few people and products: every gold table is its definition.

Small alphabets make what large data has seldom: the same visitor as robot and as customer, two
orders of one number, baskets of one product, visits over midnight, days without anybody.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from clickstream_platform.build.workspace import Workspace
from clickstream_platform_tests.homes import bring_up_all, json_line, land, verified

pytestmark = [pytest.mark.slow, pytest.mark.timeout(5400)]
START = datetime(2024, 11, 29, 22, tzinfo=UTC)  # a visit that goes on is over midnight
STEPS = ("page_view", "product_view", "add_to_cart", "begin_checkout", "purchase")
KINDS = (*STEPS, "remove_from_cart", "add_payment_info", "product_click", "exposure")
ROBOT = "Googlebot/2.1 (+http://www.google.com/bot.html)"
PERSON = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"
BURST = 55  # more than fifty events in a minute
Fields = dict[str, object]

one_of_few = st.sampled_from
minutes = st.integers(0, 180) | st.integers(0, 3 * 24 * 60)  # most near each other, some days away


@st.composite
def events(draw: st.DrawFn) -> list[Fields]:
    """One visit's few events, or a burst; ids are given later."""
    who: Fields = {
        "anonymous_id": draw(one_of_few(["v1", "v2", "v3", None])),
        "user_id": draw(one_of_few(["u1", "u2", None])),
        "user_agent": draw(one_of_few([PERSON, PERSON, PERSON, ROBOT])),
        "page_url": draw(one_of_few(["https://shop.example/", "https://shop.example/a?utm_source=news"
                                     "&utm_medium=email&utm_campaign=c1"])),
        "referrer": draw(one_of_few([None, "https://www.google.com/", "https://shop.example/a"])),
    }  # fmt: skip
    if draw(st.booleans()):
        who |= {"experiment_id": "x1", "variant_id": draw(one_of_few(["control", "b"]))}
    begin = START + timedelta(minutes=draw(minutes))
    if draw(st.integers(0, 5)) == 0:
        burst = {**who, "event_type": "product_view", "product_id": "P1", "price": 3}
        return [{**burst, "timestamp": _stamp(begin, number)} for number in range(BURST)]
    return [draw(event(who, begin)) for _ in range(draw(st.integers(1, 6)))]


@st.composite
def event(draw: st.DrawFn, who: Fields, begin: datetime) -> Fields:
    kind = draw(one_of_few(KINDS))
    found = {**who, "event_type": kind, "timestamp": _stamp(begin, draw(st.integers(0, 2400)))}
    if kind not in ("page_view", "exposure"):
        found |= {
            "product_id": draw(one_of_few(["P1", "P2", "P3"])),
            "category": draw(one_of_few(["shoes", None])),
            "price": draw(one_of_few([0, 9.5, 19.99, 600])),
            "quantity": draw(one_of_few([None, 1, 3])),
        }
    if kind == "purchase":
        found["transaction_id"] = draw(one_of_few([None, "t1", "t2", "t3"]))
        found["currency"] = draw(one_of_few([None, "EUR", "USD"]))
    return found


def _stamp(begin: datetime, second: int) -> str:
    return f"{begin + timedelta(seconds=second):%Y-%m-%dT%H:%M:%SZ}"


def drop(workspace: Workspace, visits: list[list[Fields]], copies: list[int]) -> None:
    """All lines in one file, as if sent days later; `copies` are sent twice."""
    lines = [
        json_line(event_id=f"e{number}", **{k: v for k, v in one.items() if v is not None})
        for number, one in enumerate(one for visit in visits for one in visit)
    ]
    lines += [lines[number % len(lines)] for number in copies]
    land(workspace, "shop_json", "2024-12-03T00", "a.jsonl", b"\n".join(lines) + b"\n")


def check(visits: list[list[Fields]], copies: list[int], workspace: Workspace) -> None:
    drop(workspace, visits, copies)
    bring_up_all(workspace)
    report = verified(workspace)
    note(json.dumps(visits))
    assert not [words for words in report.notes if "wait" in words], "every table was compared"


@pytest.mark.prove
@pytest.mark.parametrize("examples", [2, 25])
def test_every_gold_table_equals_its_definition(
    examples: int, new_workspace: Callable[..., Workspace], tmp_path: Path
) -> None:
    homes = count()

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],  # each example is a minute: none is tried again to make it smaller
        suppress_health_check=list(HealthCheck),
    )
    @given(
        visits=st.lists(events(), min_size=4, max_size=14),
        copies=st.lists(st.integers(0, 200), max_size=4),
    )
    def holds(visits: list[list[Fields]], copies: list[int]) -> None:
        check(visits, copies, new_workspace(tmp_path / str(next(homes))))

    holds()
