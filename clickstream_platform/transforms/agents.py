"""What a user agent says of browser, system and device (docs/DEFINITIONS.md, Enrichment, 7)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import ua_parser

from clickstream_platform.transforms.known_sources import known_sources, lower

_LONGEST = 500  # characters; the library's patterns need not see more
_VERSION = re.compile(r"[ /]v?[0-9][0-9.]*\Z")
_CACHED = 20_000  # distinct user agents a worker keeps


@dataclass(frozen=True, slots=True)
class Agent:
    """The columns that say with what an event was made."""

    browser_name: str | None
    os_name: str | None
    device_category: str | None
    is_declared_bot: bool


def agent(
    user_agent: str | None = None,
    browser_name: str | None = None,
    os_name: str | None = None,
    device_category: str | None = None,
) -> Agent:
    """Derived from the user agent; a source's own values win."""
    known = known_sources()
    derived = _of_user_agent(user_agent)
    device = derived.device_category
    if device_category:
        device = known.devices.get(lower(device_category), lower(device_category))
    return Agent(
        browser_name=_standard(browser_name, known.browsers) or derived.browser_name,
        os_name=_standard(os_name, known.systems) or derived.os_name,
        device_category=device,
        is_declared_bot=derived.is_declared_bot or device == "bot",
    )


@lru_cache(maxsize=_CACHED)
def _of_user_agent(user_agent: str | None) -> Agent:
    if not user_agent:
        return Agent(None, None, None, is_declared_bot=False)
    known = known_sources()
    text = user_agent[:_LONGEST]
    found = ua_parser.parse(text)
    is_spider = found.device is not None and found.device.family == "Spider"
    is_bot = is_spider or _has(lower(text), "bot")
    return Agent(
        browser_name=_standard(
            found.user_agent.family if found.user_agent else None, known.browsers
        ),
        os_name=_standard(found.os.family if found.os else None, known.systems),
        device_category="bot" if is_bot else _device(lower(text)),
        is_declared_bot=is_bot,
    )


def _device(text: str) -> str:
    is_tablet = _has(text, "tablet") or ("android" in text and "mobile" not in text)
    if _has(text, "tv"):
        return "tv"
    if is_tablet:
        return "tablet"
    return next((kind for kind in ("mobile", "desktop") if _has(text, kind)), "other")


def _has(text: str, kind: str) -> bool:
    """Whether the text holds a part of that kind, after removal of what only looks like one."""
    parts = known_sources().agent_parts
    for other in parts.get(f"{kind}_not", ()):
        text = text.replace(other, "")
    return any(part in text for part in parts[kind])


def _standard(name: str | None, words: Mapping[str, str]) -> str | None:
    """The one word for a name, without a version behind it."""
    if not name:
        return None
    plain = _VERSION.sub("", name)
    return words.get(lower(plain), plain) or None
