"""Shape I `access_log`: the combined log of the web server that serves the shop's pages."""

from __future__ import annotations

import numpy as np

from clickstream_platform.generator.block import EventBlock
from clickstream_platform.generator.catalogue import AGENTS, SITE, Shop
from clickstream_platform.generator.shapes import shape as text
from clickstream_platform.generator.shapes.shape import Shape
from clickstream_platform.generator.vocabulary import CODE, EVENT_NAMES

WORDS = {name: "page_view" if name == "page_view" else "other_request" for name in EVENT_NAMES}
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def render(events: EventBlock, shop: Shop, file_format: str) -> list[str]:
    """A GET per page view and a POST per other event: all that a server sees of them."""
    del file_format
    is_page = (events.name == CODE["page_view"]).tolist()
    agents = np.array([agent for agent, *_ in AGENTS], dtype=object)[events.agent].tolist()
    return [
        f"{address} - {user} [{time}] "
        f'"{"GET" if page else "POST"} {url.removeprefix(SITE)} HTTP/1.1" 200 {size} '
        f'"{referrer}" "{agent}"'
        for address, user, time, page, url, size, referrer, agent in zip(
            text.by_distinct(events.browser, text.address_texts),
            text.user_texts(events.user, null="-"),
            text.by_distinct(events.time // 1000, _log_times),
            is_page,
            text.urls(events, shop),
            [512 + number % 40_000 for number in events.time.tolist()],
            [address or "-" for address in text.referrers(events)],
            agents,
            strict=True,
        )
    ]


def _log_times(seconds: np.ndarray) -> list[str]:
    """Times as the log writes them, in whole seconds of UTC."""
    moments = np.datetime_as_string(seconds.astype("datetime64[s]")).tolist()
    return [f"{m[8:10]}/{_MONTHS[int(m[5:7]) - 1]}/{m[:4]}:{m[11:19]} +0000" for m in moments]


ACCESS_LOG = Shape(
    letter="I",
    source="access_log",
    formats=("log",),
    render=render,
    identity="cookie",
    name_path=("request",),
    time_paths=(("time",),),
    price_paths=(),
    priced_names=(),
    words=WORDS,
)
