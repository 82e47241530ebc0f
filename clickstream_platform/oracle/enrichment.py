"""What the derived columns of silver/events must be (DEFINITIONS, Enrichment), per distinct text.

The user agent's families come from the library that the definition names, the query's values are
decoded here; all rules are SQL. The lists are data, read from the file the definition names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import ua_parser
import yaml

from clickstream_platform.oracle.lake import Lake, sql_of

LISTS = Path(__file__).resolve().parents[1] / "transforms" / "known_sources.yaml"
AGENT_CHARACTERS = 500
HEX = re.compile(rb"%([0-9A-Fa-f]{2})")
TEXT = pa.string()


def store_lists(lake: Lake) -> None:
    """The lists as tables, such as `listed` (source, category), and the macros that read them."""
    content: dict[str, Any] = yaml.safe_load(LISTS.read_text(encoding="utf-8"))
    listed = [(source, category) for category, of in content["sources"].items() for source in of]
    _store(lake, "listed", ("source", "category"), listed)
    domains = [
        (domain, source)
        for of in content["sources"].values()
        for source, domains in of.items()
        for domain in domains
    ]
    _store(lake, "listed_domain", ("domain", "source"), domains)
    words = [(source, source) for source, _ in listed] + list(content["also_called"].items())
    _store(lake, "listed_word", ("word", "source"), words)
    _store(lake, "no_referrer", ("word",), [(word,) for word in content["no_referrer"]])
    clicks = [
        (f"{place:03}", name, said["network"], said["source"], said.get("medium"))
        for place, (name, said) in enumerate(content["click_ids"].items())
    ]
    _store(lake, "click_id", ("place", "name", "network", "source", "medium"), clicks)
    standard = [
        (kind, word, one)
        for kind in ("browsers", "systems", "devices")
        for word, one in content[kind].items()
    ]
    _store(lake, "standard_word", ("kind", "word", "standard"), standard)
    parts = [(kind, part) for kind, found in content["agent_parts"].items() for part in found]
    _store(lake, "agent_part", ("kind", "part"), parts)
    lake.sql.execute(sql_of("enrichment_macros"))


def store_enriched(lake: Lake) -> None:
    """From `texts`: `agent` and `arrival`, one row per distinct combination of their texts."""
    agents = lake.rows("select distinct user_agent as t from texts where user_agent is not null")
    _store(
        lake,
        "family",
        ("user_agent", "browser", "system", "device"),
        [(row["t"], *_families(row["t"][:AGENT_CHARACTERS])) for row in agents],
    )
    pages = lake.rows(
        "select distinct page_location as t from texts where contains(page_location, '?')"
    )
    values = [(row["t"], *value) for row in pages for value in query_values(row["t"])]
    _store(lake, "query_value", ("page_location", "name", "value"), values)
    for name in ("agent", "visit", "site", "arrival"):
        lake.sql.execute(f"create or replace table {name} as {sql_of(name)}")


def _families(user_agent: str) -> tuple[str | None, str | None, str | None]:
    found = ua_parser.parse(user_agent)
    parts = (found.user_agent, found.os, found.device)
    browser, system, device = (None if part is None else part.family for part in parts)
    return browser, system, device


def query_values(url: str) -> Iterator[tuple[str, str]]:
    """Each name of the query with its first value that is not missing."""
    seen = set()
    query = url.split("#", 1)[0].split("?", 1)[1:]
    for part in query[0].split("&") if query else []:
        pair = part.split("=", 1)
        name = re.sub("[A-Z]+", lambda letters: letters[0].lower(), pair[0])
        value = _decoded(pair[1]) if len(pair) == 2 else ""
        if value and name not in seen:
            seen.add(name)
            yield name, value


def _decoded(text: str) -> str:
    raw = text.replace("+", " ").encode("utf-8")
    return (
        HEX.sub(lambda two: bytes.fromhex(two[1].decode()), raw)
        .decode("utf-8", "replace")
        .strip(" ")
    )


def _store(lake: Lake, name: str, columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    arrays = [pa.array([row[place] for row in rows], TEXT) for place in range(len(columns))]
    lake.store(name, pa.table(arrays, names=list(columns)))
