"""The lists of `known_sources.yaml`, arranged for looking things up."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

_FILE = Path(__file__).with_name("known_sources.yaml")
_COUNTRY = re.compile(r"^(?:[a-z]+|com?\.[a-z]{2})$")  # what `name.*` may end in
_UPPER_TO_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}


def lower(text: str) -> str:
    """A-Z in lower case; other letters stay, so that every engine agrees."""
    return text.translate(_UPPER_TO_LOWER)


@dataclass(frozen=True)
class ClickId:
    """A click id's network, and what it alone says of the arrival."""

    network: str
    source: str
    medium: str | None = None


@dataclass(frozen=True)
class KnownSources:
    """Sources by name and domain, click ids, and standard words."""

    categories: Mapping[str, str]  # source -> category
    names: Mapping[str, str]  # name or other name -> source
    domains: Mapping[str, str]  # domain or `name.*` -> source
    no_referrer: frozenset[str]
    click_ids: Mapping[str, ClickId]
    browsers: Mapping[str, str]
    systems: Mapping[str, str]
    devices: Mapping[str, str]
    agent_parts: Mapping[str, tuple[str, ...]]

    def of_host(self, host: str) -> str | None:
        """The source whose longest domain fits the host."""
        found: tuple[int, str] | None = None
        labels = host.split(".")
        for start in range(len(labels)):
            rest = ".".join(labels[start + 1 :])
            listed = [".".join(labels[start:])]
            if _COUNTRY.fullmatch(rest):
                # `shopping.google.*` has two labels before the star, `google.*` one.
                listed += [
                    ".".join([*labels[first : start + 1], "*"]) for first in range(start + 1)
                ]
            for domain in listed:
                source = self.domains.get(domain)
                if source and (found is None or len(domain) > found[0]):
                    found = (len(domain), source)
        return found[1] if found else None


@lru_cache(maxsize=1)
def known_sources() -> KnownSources:
    """The package's lists, read once per process."""
    content: dict[str, Any] = yaml.load(_FILE.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    sources = content["sources"]
    names = {name: name for of_category in sources.values() for name in of_category}
    return KnownSources(
        categories={name: category for category, listed in sources.items() for name in listed},
        names=names | content["also_called"],
        domains={
            domain: name
            for listed in sources.values()
            for name, domains in listed.items()
            for domain in domains
        },
        no_referrer=frozenset(content["no_referrer"]),
        click_ids={name: ClickId(**said) for name, said in content["click_ids"].items()},
        browsers=content["browsers"],
        systems=content["systems"],
        devices=content["devices"],
        agent_parts={name: tuple(parts) for name, parts in content["agent_parts"].items()},
    )
