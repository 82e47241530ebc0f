"""User agent, campaign, referrer and channel for the bare job, in one Arrow function.

What a careful engineer would write for one shop: distinct texts of a batch are looked at once, and
each worker remembers them. The lists are data and read from the file the definitions name.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote_plus, urlsplit

import numpy as np
import pyarrow as pa
import ua_parser
import yaml

LISTS = Path(__file__).resolve().parents[1] / ("clickstream_platform/transforms/known_sources.yaml")
AGENT = ("browser_name", "os_name", "device_category", "is_declared_bot")
TRAFFIC = (
    "page_domain", "page_path", "mkt_source", "mkt_medium", "mkt_campaign", "mkt_term",
    "mkt_content", "mkt_clickid", "mkt_network", "refr_medium", "refr_source", "channel_group",
)  # fmt: skip
COLUMNS = (*AGENT, *TRAFFIC)
UTM = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")
VERSION = re.compile(r"[ /]v?[0-9][0-9.]*\Z")
PAID = ("ppc", "retargeting")


@lru_cache(maxsize=1)
def lists() -> dict:
    known = yaml.safe_load(LISTS.read_text(encoding="utf-8"))
    domains, categories = {}, {}
    for category, sources in known["sources"].items():
        for source, names in sources.items():
            categories[source] = category
            domains |= dict.fromkeys(names, source)
    names = {source: source for source in categories} | known["also_called"]
    return known | {"domains": domains, "categories": categories, "names": names}


@lru_cache(maxsize=20_000)
def agent(text: str | None) -> tuple:
    if not text:
        return None, None, None, False
    known = lists()
    found, low = ua_parser.parse(text[:500]), text[:500].lower()

    def plain(part: object, words: dict) -> str | None:
        name = VERSION.sub("", part.family) if part else None
        return words.get(name.lower(), name) if name else None

    def has(kind: str) -> bool:
        shown = low
        for other in known["agent_parts"].get(f"{kind}_not", ()):
            shown = shown.replace(other, "")
        return any(part in shown for part in known["agent_parts"][kind])

    is_bot = bool(found.device and found.device.family == "Spider") or has("bot")
    if is_bot:
        device = "bot"
    elif has("tv"):
        device = "tv"
    elif has("tablet") or ("android" in low and "mobile" not in low):
        device = "tablet"
    else:
        device = next((kind for kind in ("mobile", "desktop") if has(kind)), "other")
    browser = plain(found.user_agent, known["browsers"])
    return browser, plain(found.os, known["systems"]), device, is_bot


@lru_cache(maxsize=50_000)
def page(url: str | None) -> tuple:
    """Host, path and the campaign's parameters."""
    if not url:
        return None, None, {}
    parts = urlsplit(url)
    values: dict[str, str] = {}
    for part in parts.query.split("&"):
        name, _, value = part.partition("=")
        name, value = name.lower(), unquote_plus(value).strip(" ")
        if value:
            values.setdefault(name, value)
    return parts.hostname, (parts.path or "/") if parts.netloc else None, values


def source_of(host: str) -> str | None:
    """The listed source whose longest domain fits the host."""
    domains, labels = lists()["domains"], host.split(".")
    fitting = [".".join(labels[start:]) for start in range(len(labels))]
    for end in (1, 2):
        if len(labels) > end:
            fitting += [".".join([*labels[s:-end], "*"]) for s in range(len(labels) - end)]
    found = [(len(domain), domains[domain]) for domain in fitting if domain in domains]
    return max(found)[1] if found else None


@lru_cache(maxsize=20_000)
def referrer(text: str | None, site: str | None) -> tuple:
    if not text:
        return None, None
    host = page(text)[0]
    if host is None:
        return "unknown", None
    here, there = (site or "").removeprefix("www."), host.removeprefix("www.")
    if here and (here == there or here.endswith(f".{there}") or there.endswith(f".{here}")):
        return "internal", None
    source = source_of(host)
    return (lists()["categories"][source], source) if source else ("unknown", there)


@lru_cache(maxsize=20_000)
def channel(source: str, medium: str, campaign: str) -> str:
    """GA4's default channel group."""
    known = lists()
    name = known["names"].get(source) or (source_of(source) if "." in source else None)
    kind = known["categories"].get(name or "", "")
    paid = "cp" in medium or medium.startswith("paid") or medium in PAID
    shop = kind == "shopping" or bool(re.search(r"(?:[^a-df-z]|^)shop|shopping", campaign))
    rules = (
        ("Direct", source == "(direct)" and medium == "(none)"),
        ("Cross-network", "cross-network" in campaign),
        ("Paid Shopping", paid and shop),
        ("Paid Search", paid and kind == "search"),
        ("Paid Social", paid and kind == "social"),
        ("Paid Video", paid and kind == "video"),
        ("Display", medium in ("display", "banner", "expandable", "interstitial", "cpm")),
        ("Paid Other", paid),
        ("AI Assistants", kind == "ai_assistant"),
        ("Organic Shopping", shop),
        ("Organic Social", kind == "social" or medium in ("social", "sm", "social-media")),
        ("Organic Video", kind == "video" or "video" in medium),
        ("Organic Search", kind == "search" or medium == "organic"),
        ("Referral", medium in ("referral", "app", "link")),
        ("Email", kind == "email" or "email" in (source, medium)),
        ("Affiliates", medium in ("affiliate", "affiliates")),
        ("SMS", "sms" in (source, medium)),
    )
    return next((group for group, holds in rules if holds), "Unassigned")


def traffic(url: str | None, referred: str | None) -> tuple:
    host, path, values = page(url)
    medium, source = referrer(referred, host)
    utm = [values.get(name) for name in UTM]
    clicks = lists()["click_ids"]
    clicked = next((name for name in clicks if name in values), None)
    said = clicks[clicked] if clicked else {}
    if any(utm[:3]):
        arrival = [(text or "").lower() for text in utm[:3]]
        arrival[0] = arrival[0] or said.get("source", "")
        arrival[1] = arrival[1] or said.get("medium", "")
    elif said.get("medium"):
        arrival = [said["source"], said["medium"], ""]
    elif medium and medium != "internal":
        kind = {"search": "organic", "email": "email"}.get(medium, "referral")
        arrival = [source or "", kind, ""]
    elif said:
        arrival = [said["source"], "", ""]
    else:
        arrival = ["(direct)", "(none)", ""]
    group = channel(*arrival) if url or referred else None
    return (host, path, *utm, values.get(clicked or ""), said.get("network"), medium, source, group)


def enrich(agents: pa.Array, pages: pa.Array, referrers: pa.Array) -> pa.Array:
    """One struct of `COLUMNS` per row."""
    agents, pages, referrers = (
        part.dictionary_encode(null_encoding="encode") for part in (agents, pages, referrers)
    )
    by_agent = [agent(text) for text in agents.dictionary.to_pylist()]
    codes = pages.indices.to_numpy().astype(np.int64) * len(referrers.dictionary)
    codes += referrers.indices.to_numpy()
    distinct, place = np.unique(codes, return_inverse=True)
    urls, refs = pages.dictionary.to_pylist(), referrers.dictionary.to_pylist()
    by_visit = [traffic(urls[code // len(refs)], refs[code % len(refs)]) for code in distinct]
    columns = [
        pa.array(
            [found[no] for found in looked], pa.bool_() if name == AGENT[3] else pa.string()
        ).take(rows)
        for names, looked, rows in (
            (AGENT, by_agent, agents.indices),
            (TRAFFIC, by_visit, pa.array(place)),
        )
        for no, name in enumerate(names)
    ]
    return pa.StructArray.from_arrays(columns, names=list(COLUMNS))
