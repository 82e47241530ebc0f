"""Where a visit came from, of one page and referrer (docs/DEFINITIONS.md, Enrichment, 1 to 6)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote_plus

from clickstream_platform.transforms.known_sources import ClickId, known_sources, lower

_AUTHORITY = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?//([^/?#\\]*)([^?#]*)", re.DOTALL)
_BARE_HOST = re.compile(
    r"([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,})(?::[0-9]+)?(?:[/?#].*)?", re.DOTALL
)
_HOST = re.compile(r"[a-z0-9._\u0080-\U0010ffff-]+")
_PORT = re.compile(r":[0-9]*\Z")
_SHOP = re.compile(r"(?:[^a-df-z]|^)shop|shopping", re.DOTALL)
_SOCIAL_MEDIA = {"social", "social-network", "social-media", "sm", "social network", "social media"}
_EMAIL = {"email", "e-mail", "e_mail", "e mail"}
_LONGEST_HOST = 253  # of the domain name system
_CACHED = 20_000  # distinct texts a worker keeps
DIRECT = ("(direct)", "(none)")


@dataclass(frozen=True, slots=True)
class Page:
    """What a page's URL says."""

    domain: str | None = None
    path: str | None = None
    parameters: tuple[tuple[str, str], ...] = ()

    def value(self, name: str) -> str | None:
        return next((value for found, value in self.parameters if found == name), None)

    def click_id(self) -> tuple[str, ClickId] | None:
        """The preferred click id's value, and what is known of it."""
        for name, known in known_sources().click_ids.items():
            if value := self.value(name):
                return value, known
        return None


@dataclass(frozen=True, slots=True)
class Traffic:
    """The columns that say where an event's visit came from."""

    page_domain: str | None
    page_path: str | None
    mkt_source: str | None
    mkt_medium: str | None
    mkt_campaign: str | None
    mkt_term: str | None
    mkt_content: str | None
    mkt_clickid: str | None
    mkt_network: str | None
    refr_medium: str | None
    refr_source: str | None
    channel_group: str | None


def traffic(
    page_location: str | None = None,
    page_referrer: str | None = None,
    *,
    mkt_source: str | None = None,
    mkt_medium: str | None = None,
    mkt_campaign: str | None = None,
    mkt_term: str | None = None,
    mkt_content: str | None = None,
    mkt_clickid: str | None = None,
) -> Traffic:
    """All of it, from the event's own texts; a source's own `mkt_…` win over the query's."""
    page = page_of(page_location)
    refr_medium, refr_source = referrer_of(page_referrer, page.domain)
    clicked = page.click_id()
    source = mkt_source or page.value("utm_source")
    medium = mkt_medium or page.value("utm_medium")
    campaign = mkt_campaign or page.value("utm_campaign")
    arrival = _arrival(
        (source, medium, campaign),
        clicked[1] if clicked else None,
        (refr_medium, refr_source),
        has_page=bool(page_location or page_referrer),
    )
    return Traffic(
        page_domain=page.domain,
        page_path=page.path,
        mkt_source=source,
        mkt_medium=medium,
        mkt_campaign=campaign,
        mkt_term=mkt_term or page.value("utm_term"),
        mkt_content=mkt_content or page.value("utm_content"),
        mkt_clickid=mkt_clickid or (clicked[0] if clicked else None),
        mkt_network=clicked[1].network if clicked and not mkt_clickid else None,
        refr_medium=refr_medium,
        refr_source=refr_source,
        channel_group=channel_group(*arrival) if arrival else None,
    )


@lru_cache(maxsize=_CACHED)
def page_of(text: str | None) -> Page:
    """Domain, path and the query's parameters; anything may be wrong with the text."""
    if not text:
        return Page()
    before_fragment = text.partition("#")[0]
    parameters = _parameters(before_fragment.partition("?")[2])
    found = _AUTHORITY.match(text)
    if found:
        return Page(_host(found[1]), found[2] or "/", parameters)
    path = before_fragment.partition("?")[0] if text.startswith("/") else None
    return Page(None, path, parameters)


def _parameters(query: str) -> tuple[tuple[str, str], ...]:
    """The parameters that campaigns use; not the others, of which there may be any number."""
    found = []
    for part in query.split("&") if "=" in query else ():
        name, _, value = part.partition("=")
        name = lower(name)
        if name.startswith("utm_") or name in known_sources().click_ids:
            decoded = unquote_plus(value, errors="replace").strip(" ")
            if decoded:
                found.append((name, decoded))
    return tuple(found)


def _host(authority: str) -> str | None:
    host = lower(_PORT.sub("", authority.rpartition("@")[2]).rstrip("."))
    return host if len(host) <= _LONGEST_HOST and _HOST.fullmatch(host) else None


def host_of(text: str) -> str | None:
    """The host of a URL or of a bare host such as `www.example.com/page`."""
    if found := _AUTHORITY.match(text):
        return _host(found[1])
    bare = _BARE_HOST.fullmatch(text)
    return _host(bare[1]) if bare else None


@lru_cache(maxsize=_CACHED)
def referrer_of(text: str | None, page_domain: str | None) -> tuple[str | None, str | None]:
    """`refr_medium` and `refr_source`."""
    if not text:
        return None, None
    known = known_sources()
    host = host_of(text)
    if host is None:
        word = lower(text)
        source = known.names.get(word)
        if source is None:
            return (None, None) if word in known.no_referrer else ("unknown", None)
        return known.categories[source], source
    if page_domain and _is_same_site(host, page_domain):
        return "internal", None
    source = known.of_host(host)
    if source is None:
        return "unknown", host.removeprefix("www.")
    return known.categories[source], source


def _is_same_site(one: str, other: str) -> bool:
    one, other = one.removeprefix("www."), other.removeprefix("www.")
    return one == other or one.endswith(f".{other}") or other.endswith(f".{one}")


Arrival = tuple[str | None, str | None, str | None]


def _arrival(
    campaign: Arrival,
    clicked: ClickId | None,
    referrer: tuple[str | None, str | None],
    *,
    has_page: bool,
) -> Arrival | None:
    """Source, medium and campaign in lower case; null if nothing is known."""
    refr_medium, refr_source = referrer
    if any(campaign):
        source, medium, name = (text and lower(text) for text in campaign)
        if clicked:
            source, medium = source or clicked.source, medium or clicked.medium
        return source, medium, name
    if clicked and clicked.medium:
        return clicked.source, clicked.medium, None
    if refr_medium and refr_medium != "internal":
        medium = {"search": "organic", "email": "email"}.get(refr_medium, "referral")
        return refr_source, medium, None
    if clicked:
        return clicked.source, None, None
    return (*DIRECT, None) if has_page else None


@lru_cache(maxsize=_CACHED)
def channel_group(source: str | None, medium: str | None, campaign: str | None) -> str:
    """The first rule of GA4's default channel group that holds; texts are lower case.

    Source: Google Analytics Help, "Default channel group"; `AI Assistants` beside it.
    """
    kind, name, medium = _kind(source), campaign or "", medium or ""
    is_paid = "cp" in medium or medium.startswith("paid") or medium in ("ppc", "retargeting")
    is_shopping = kind == "shopping" or bool(_SHOP.search(name))
    rules = (
        (
            "Direct",
            source in ("direct", "(direct)") and medium in ("", "(none)", "none", "(not set)"),
        ),
        ("Cross-network", "cross-network" in name),
        ("Paid Shopping", is_paid and is_shopping),
        ("Paid Search", is_paid and kind == "search"),
        ("Paid Social", is_paid and kind == "social"),
        ("Paid Video", is_paid and kind == "video"),
        ("Display", medium in ("display", "banner", "expandable", "interstitial", "cpm")),
        ("Paid Other", is_paid),
        ("AI Assistants", kind == "ai_assistant"),
        ("Organic Shopping", is_shopping),
        ("Organic Social", kind == "social" or medium in _SOCIAL_MEDIA),
        ("Organic Video", kind == "video" or "video" in medium),
        ("Organic Search", kind == "search" or medium == "organic"),
        ("Referral", medium in ("referral", "app", "link")),
        ("Email", kind == "email" or source in _EMAIL or medium in _EMAIL),
        ("Affiliates", medium in ("affiliate", "affiliates")),
        ("Audio", medium == "audio"),
        ("SMS", "sms" in (source, medium)),
        ("Mobile Push Notifications", _is_push(source, medium)),
    )
    return next((group for group, holds in rules if holds), "Unassigned")


def _is_push(source: str | None, medium: str) -> bool:
    words = "mobile" in medium or "notification" in medium
    return medium.endswith("push") or words or source == "firebase"


def _kind(source: str | None) -> str | None:
    """The category of a source that is named or is a host."""
    if not source:
        return None
    known = known_sources()
    name = known.names.get(source)
    if name is None and (host := host_of(source)):
        name = known.of_host(host)
    return known.categories[name] if name else None
