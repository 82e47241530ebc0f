"""One scenario written in every shape gives the same events, as far as the shape can say them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from clickstream_platform.build.workspace import Workspace
from clickstream_platform.generator.block import NONE, EventBlock
from clickstream_platform.generator.catalogue import SITE, Shop
from clickstream_platform.generator.options import HOUR_MS, Options
from clickstream_platform.generator.randomness import stream, uuid_texts
from clickstream_platform.generator.run import Generation
from clickstream_platform.generator.shapes import SHAPES
from clickstream_platform.generator.vocabulary import CODE
from clickstream_platform.generator.writer import LandingWriter
from clickstream_platform.tables.silver import SILVER_DUPLICATES, SILVER_EVENTS, SILVER_QUARANTINE
from clickstream_platform_tests.homes import Row, bring_up, rows, verified

pytestmark = pytest.mark.slow
START = int(datetime.fromisoformat("2024-11-29T10:00:00+00:00").timestamp() * 1000)
WHO = ("user_id", "client_session_id")
PAGE = ("page_location", "page_referrer")
ALL = (*WHO, "anonymous_id", *PAGE, "user_agent", "ip_anonymised", "currency", "transaction_id",
       "experiment_id", "variant_id", "item_id", "item_category", "price", "value")  # fmt: skip
WRITTEN = {  # (shape, format) -> source, and the columns its lines can say
    ("A", "json"): ("shop_json", ALL),
    ("B", "json"): ("eventhub_products", (*WHO, *PAGE, "item_id", "item_category", "price")),
    ("C", "csv"): ("star_csv", (*WHO, *PAGE, "item_id", "price", "value")),
    ("C", "json"): ("star_json", (*WHO, *PAGE, "item_id", "price", "value")),
    ("D", "csv"): ("transactions_csv", (*WHO, "item_id")),  # an amount on purchases alone
    ("E", "json"): ("kafka_raw", ("user_id", "item_id", "price", "value")),
    ("F", "json"): ("ga4", tuple(n for n in ALL if n not in ("user_agent", "ip_anonymised"))),
    ("G", "json"): ("segment", ALL),
    ("H", "csv"): ("snowplow", tuple(n for n in ALL if not n.endswith(("iment_id", "iant_id")))),
    ("H", "json"): (
        "snowplow_json",
        tuple(n for n in ALL if not n.endswith(("iment_id", "iant_id"))),
    ),
}
PARQUET = ("A", "E", "F")


def scenario() -> tuple[EventBlock, Shop]:
    """An hour of the shop with one piece of one product per event and a user on every line."""
    options = Options(out=Path("unused"), start_ms=START, hours=1, events=150, bots=0)
    generation = Generation(options, prefix="events")
    events = generation.humans.until(START + HOUR_MS)
    events.event_id = uuid_texts(stream(7, "shapes", START, 0), len(events))
    events.quantity[:] = 1
    events.cart_product[:] = NONE
    events.user = np.where(events.user == NONE, 0, events.user)
    return events, generation.shop


@pytest.fixture(scope="module")
def home(
    new_workspace: Callable[..., Workspace], tmp_path_factory: pytest.TempPathFactory
) -> Workspace:
    found = new_workspace(tmp_path_factory.mktemp("shapes") / "home")
    events, shop = scenario()
    for letter, file_format in [*WRITTEN, *((x, "parquet") for x in PARQUET), ("I", "log")]:
        shape = SHAPES[letter]
        writer = LandingWriter(found.settings.landing, shape, file_format, prefix="events")
        writer.write("2024-11-29T10", shape.render(events, shop, file_format))
    bring_up(found)
    return found


def said(events: list[Row], columns: tuple[str, ...]) -> Counter[tuple[object, ...]]:
    """How often each row of these columns was said."""

    def cell(row: Row, name: str) -> object:
        if name in row:
            return row[name]
        return [item[name] for item in row["items"]]

    return Counter(
        (row["event_timestamp"], row["event_name"], *(str(cell(row, name)) for name in columns))
        for row in events
    )


@pytest.fixture(scope="module")
def events_of(home: Workspace) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows(home, SILVER_EVENTS):
        found.setdefault(row["source"], []).append(row)
    return found


def test_every_line_is_accepted_or_the_parquet_copy_of_one(
    home: Workspace, events_of: dict[str, list[Row]]
) -> None:
    count = len(scenario()[0])
    assert count > 100
    assert rows(home, SILVER_QUARANTINE) == []
    wanted = {source: count for source, _ in WRITTEN.values()} | {"access_log": count}
    copies = Counter(row["source"] for row in rows(home, SILVER_DUPLICATES))
    assert {source: len(found) for source, found in events_of.items()} == wanted
    assert copies == {"shop_json": count, "kafka_raw": count, "ga4": count}


@pytest.mark.parametrize(("source", "columns"), list(WRITTEN.values()))
def test_a_shape_says_what_the_others_say(
    events_of: dict[str, list[Row]], source: str, columns: tuple[str, ...]
) -> None:
    reference = events_of["shop_json"]
    assert sum(row["event_name"] == "purchase" for row in reference) > 0
    assert said(events_of[source], columns) == said(reference, columns)


def test_a_web_server_sees_the_page_views(events_of: dict[str, list[Row]]) -> None:
    def seen(row: Row, site: str) -> tuple[object, ...]:
        page = row["page_location"].removeprefix(site)
        second = row["event_timestamp"].replace(microsecond=0)
        return (second, page, *(row[n] for n in ("page_referrer", "user_agent", "ip_anonymised")))

    pages = [row for row in events_of["access_log"] if row["event_name"] == "page_view"]
    expected = [row for row in events_of["shop_json"] if row["event_name"] == "page_view"]
    assert len(expected) > 10
    assert Counter(seen(row, "") for row in pages) == Counter(seen(row, SITE) for row in expected)
    visitors = {(row["ip_anonymised"], row["user_agent"], row["user_id"]) for row in pages}
    assert len(visitors) > 3
    assert all(row["visitor_id"] for row in pages)


def test_the_proof_reads_every_shape_the_same_way(home: Workspace) -> None:
    count = int((scenario()[0].name == CODE["page_view"]).sum())
    assert count > 10
    assert verified(home).lines == len(scenario()[0]) * (len(WRITTEN) + len(PARQUET) + 1)
