"""The oracle's derived columns as literal values, and against the pipeline on made-up texts."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import asdict

import pyarrow as pa
import pytest

from clickstream_platform.oracle.enrichment import query_values, store_enriched, store_lists
from clickstream_platform.oracle.lake import Lake
from clickstream_platform.oracle.mappings import OWN, read_mappings
from clickstream_platform.settings import read_settings
from clickstream_platform.transforms.agents import Agent, agent
from clickstream_platform.transforms.traffic import Traffic, traffic

Texts = dict[str, str | None]
INPUTS = ("page_location", "page_referrer", "user_agent", *OWN)
AGENT = ("user_agent", *OWN[:3])
TRAFFIC = ("page_location", "page_referrer", *OWN[3:])


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with Lake(read_settings(home=tmp_path_factory.mktemp("home")), read_mappings([])) as opened:
        store_lists(opened)
        yield opened


def enriched(lake: Lake, rows: list[Texts]) -> None:
    arrays = [pa.array([row.get(name) for row in rows], pa.string()) for name in INPUTS]
    lake.store("texts", pa.table(arrays, names=list(INPUTS)))
    store_enriched(lake)


def by_inputs(lake: Lake, relation: str, names: tuple[str, ...]) -> dict[tuple, dict]:
    keys = [f"own_{name}" if name in OWN else name for name in names]
    return {
        tuple(row[key] for key in keys): {k: v for k, v in row.items() if k not in keys}
        for row in lake.rows(f"from {relation}")
    }


def of_page(lake: Lake, page: str | None, referrer: str | None = None, **own: str) -> dict:
    enriched(lake, [{"page_location": page, "page_referrer": referrer, **own}])
    (row,) = lake.rows("from arrival")
    return row


@pytest.mark.parametrize(
    ("page", "referrer", "expected"),
    [
        (None, None, (None, None, None, None, None)),
        ("https://Shop.example:443/a%zz?x#y", None,
         ("shop.example", "/a%zz", None, None, "Direct")),
        ("/a?b", "https://www.google.co.uk/", (None, "/a", "search", "google", "Organic Search")),
        ("https://s.example", "https://m.s.example/x",
         ("s.example", "/", "internal", None, "Direct")),
        ("https://s.example", "chat.openai.com",
         ("s.example", "/", "ai_assistant", "chatgpt", "AI Assistants")),
        ("https://s.example", "http://blog.example/",
         ("s.example", "/", "unknown", "blog.example", "Referral")),
        ("//u@s.example/?fbclid=1", None, ("s.example", "/", None, None, "Organic Social")),
        ("x?gclid=1", None, (None, None, None, None, "Paid Search")),
        ("/?utm_campaign=big-shop-sale&utm_medium=CPC", "direct",
         (None, "/", None, None, "Paid Shopping")),
        ("/?utm_campaign=workshop", None, (None, "/", None, None, "Unassigned")),
    ],
)  # fmt: skip
def test_where_a_visit_came_from(
    lake: Lake, page: str | None, referrer: str | None, expected: tuple[str | None, ...]
) -> None:
    row = of_page(lake, page, referrer)
    names = ("page_domain", "page_path", "refr_medium", "refr_source", "channel_group")
    assert tuple(row[name] for name in names) == expected


def test_a_query_is_decoded_byte_by_byte_and_the_first_value_counts() -> None:
    url = (
        "https://s/?UTM_Source=%ff%E4+b%2&utm_source=later&utm_medium=&utm_medium=c%C3%A9#?gclid=1"
    )
    assert dict(query_values(url)) == {"utm_source": "\ufffd\ufffd b%2", "utm_medium": "cé"}


def test_what_a_source_says_itself_wins(lake: Lake) -> None:
    row = of_page(lake, "/?utm_source=a&utm_medium=email&gclid=1", mkt_source="B", mkt_clickid="c")
    assert (row["mkt_source"], row["mkt_medium"], row["channel_group"]) == ("B", "email", "Email")
    assert (row["mkt_clickid"], row["mkt_network"]) == ("c", None)


PAGES = (
    None, "/", "//", "/a/b", "thank-you", "https://shop.example/p/1", "http://www.SHOP.example:80",
    "https://user:pw@shop.example./x y", "https://[::1]/x", "https://münchen.example/ü",
    "ftp://a b/",
    "shop.example/x", "https://" + "a" * 300 + "/", "http:///x",
    "https://shop.example\\x", "\0", "?",
)  # fmt: skip
SOURCES = ("google", "Facebook.com", "ig", "l.instagram.com", "newsletter", "direct", "(direct)",
           "chatgpt.com", "amazon.de", "youtube", "gmail", "firebase", "sms", "x y", "e-mail",
           "https://t.co/x", "google.evil.com", "shopping.google.com", "")  # fmt: skip
MEDIA = ("cpc", "CPM", "organic", "email", "social", "sm", "video", "my_video", "referral", "push",
         "webpush", "mobile-x", "affiliate", "audio", "paid_social", "retargeting", "(none)",
         "(not set)", "banner", "other", "ppc", "")  # fmt: skip
CAMPAIGNS = ("eshop", "workshop", "shop", "a shopping day", "Cross-Network", "x", "%zz", "+%20", "")
REFERRERS = (
    None, "direct", "google", "FB", "somewhere", "https://www.google.com/",
    "https://google.com.br/x",
    "https://google.evil.com/", "http://mail.google.com", "https://www.shop.example/",
    "https://blog.shop.example/", "www.bing.com/search?q=1", "android-app://com.google.android.gm/",
    "https://notgoogle.com", "https://news.example.org/reviews", "https://", "x.y", "a..com",
    "https://gemini.google.com/app", "https://www.amazon.co.jp", "https://search.yahoo.com",
)  # fmt: skip
AGENTS = (
    None, "x", "curl/8.1",
    "Mozilla/5.0 (Linux; Android 9; CUBOT X19) Chrome/80 Mobile Safari/537.36",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (Linux; Android 13; SM-X700) AppleWebKit/537.36 Chrome/131.0.0.0 Safari/537.36",
    "Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1; Tablet PC 2.0)", "Roku/DVP", "\0" * 600,
    "Mozilla/5.0 (iPad; CPU OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Version/17.0 Safari/604.1",
)  # fmt: skip
OWN_WORDS = (None, None, "Chrome Mobile 12.1", "IPHONE OS", "Smartphone", "fridge", "/1", "Robot")


def made_up(chance: random.Random) -> Texts:
    page = chance.choice(PAGES)
    pairs = [
        ("utm_source", SOURCES), ("UTM_MEDIUM", MEDIA), ("utm_campaign", CAMPAIGNS),
        ("utm_term", CAMPAIGNS), ("utm_content", CAMPAIGNS), ("gclid", "12"), ("fbclid", "3 "),
        ("epik", "4"), ("dclid", "5"), ("utm_source", SOURCES), ("other", CAMPAIGNS),
    ]  # fmt: skip
    if page is not None and chance.random() < 0.7:
        chosen = chance.sample(pairs, chance.randrange(4))
        page += "?" + "&".join(f"{name}={chance.choice(texts)}" for name, texts in chosen)
        page += chance.choice(("", "", "#utm_source=y", "&", "&=&gclid"))
    own = {name: chance.choice(OWN_WORDS) for name in OWN} if chance.random() < 0.2 else {}
    return {
        "page_location": page or None,
        "page_referrer": chance.choice(REFERRERS),
        "user_agent": chance.choice(AGENTS),
        **own,
    }


def test_pipeline_and_oracle_agree_on_made_up_texts(lake: Lake) -> None:
    chance = random.Random(7)
    rows = [made_up(chance) for _ in range(4_000)]
    enriched(lake, rows)
    arrivals, agents = by_inputs(lake, "arrival", TRAFFIC), by_inputs(lake, "agent", AGENT)
    channels, devices = set(), set()
    for row in rows:
        of_traffic = {name: row.get(name) for name in TRAFFIC}
        of_agent = {name: row.get(name) for name in AGENT}
        expected_traffic, expected_agent = traffic(**of_traffic), agent(**of_agent)
        assert fields_of(expected_traffic) == arrivals[tuple(of_traffic.values())], row
        assert fields_of(expected_agent) == agents[tuple(of_agent.values())], row
        channels.add(expected_traffic.channel_group)
        devices.add(expected_agent.device_category)
    assert len(channels) == 21  # every group but none is left out, and null
    assert {"desktop", "mobile", "tablet", "tv", "bot", "other", "fridge", None} <= devices


def fields_of(found: Agent | Traffic) -> dict:
    return asdict(found)
