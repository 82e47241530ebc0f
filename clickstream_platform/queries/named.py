"""Named questions: `sql/*.sql`, each with its description and parameters in leading comments.

-- name: revenue_by_hour
-- description: Orders and revenue by hour.
-- tables: gold.fact_transactions
-- param: from = min hour
-- param: traffic = all | human

A parameter's default stands behind `=`; of choices it is the first. `min hour` and `max hour` take
hours; `min day` and `max day` take days, where the tables know no hours.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from clickstream_platform.errors import ClickstreamError, UsageError
from clickstream_platform.hours import day_of, hour_key, parse_day, parse_hour
from clickstream_platform.queries.views import mentioned, view_texts

TRAFFIC_PARAM = "traffic"  # of questions over marts that count with robots and without
PROGRESS = "ops.progress"  # a view of the lake, a table of one row in PostgreSQL
PUBLISHED = ("silver.products", "silver.users", "silver.campaigns", PROGRESS)  # beside gold
SQL_DIR = Path(__file__).parent / "sql"
# Defaults that leave the hours open; they sort before and after every hour key.
HOUR_LIMITS = {"min hour": "0000-01-01T00", "max hour": "9999-12-31T23"}
DAY_LIMITS = {"min day": "0000-01-01", "max day": "9999-12-31"}  # where tables know no hours
# Whether the state or result of an hour, day or table over all time belongs to the hours asked.
IN_HOURS = "(hour = 'all' or hour between left($from, length(hour)) and left($to, length(hour)))"
_HEADER = re.compile(r"^-- (name|description|tables|metrics|param): *(.*?) *$")
_NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")
_NUMBER = re.compile(r"^-?\d+$")


class QueryFileError(ClickstreamError):
    """A query file of ours whose header is not as it must be."""


@dataclass(frozen=True)
class NamedQuery:
    """A question with a name; `params` are the defaults as written in the file."""

    name: str
    description: str
    tables: tuple[str, ...]
    params: Mapping[str, str]
    sql: str
    metrics: tuple[str, ...] = ()  # columns of the answer that `tables/metrics.py` defines
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # of some of `params`

    @property
    def usage(self) -> tuple[str, ...]:
        """Each parameter with its default, or with its choices, of which the first is it."""
        return tuple(
            f"{name}={' | '.join(self.choices.get(name, (default,)))}"
            for name, default in self.params.items()
        )

    @property
    def is_of_days(self) -> bool:
        """True if its hours are days."""
        return self.params.get("from") in DAY_LIMITS

    def span(self, hours: Mapping[str, str]) -> dict[str, str]:
        """Of `from` and `to`, hours, what the question takes: where it takes days, theirs."""
        return {
            name: day_of(hour) if self.params[name] in DAY_LIMITS else hour
            for name, hour in hours.items()
            if name in self.params
        }

    def values(self, given: Mapping[str, str]) -> dict[str, object]:
        """The value of every parameter: what was given, else the default.

        Raises: UsageError naming the parameters there are, or the value that does not fit.
        """
        unknown = sorted(set(given) - set(self.params))
        if unknown:
            known = ", ".join(self.usage) or "none"
            raise UsageError(f"{self.name} has no parameter {', '.join(unknown)}. It has: {known}.")
        return {
            name: _value(name, default, self.choices.get(name), given.get(name))
            for name, default in self.params.items()
        }


def parse(text: str, origin: str) -> NamedQuery:
    """The query of a file's text.

    Raises: QueryFileError.
    """
    header: dict[str, str] = {}
    params: dict[str, str] = {}
    choices: dict[str, tuple[str, ...]] = {}
    lines = text.splitlines()
    body_at = next((at for at, line in enumerate(lines) if not line.startswith("--")), len(lines))
    for line in lines[:body_at]:
        match = _HEADER.match(line)
        if match is None:
            raise QueryFileError(f"{origin}: {line!r} is no header line such as `-- name: x`.")
        key, value = match.groups()
        if key != "param":
            header[key] = value
            continue
        name, equals, default = (part.strip() for part in value.partition("="))
        if not equals:
            raise QueryFileError(f"{origin}: parameter {name} has no default; write `{name} = …`.")
        params[name], *others = (choice.strip() for choice in default.split("|"))
        if others:
            choices[name] = (params[name], *others)
    missing = [key for key in ("name", "description", "tables") if not header.get(key)]
    if missing:
        raise QueryFileError(f"{origin}: the header lacks {', '.join(missing)}.")
    tables = tuple(part.strip() for part in header["tables"].split(","))
    sql = "\n".join(lines[body_at:]).strip()
    metrics = tuple(part.strip() for part in header.get("metrics", "").split(",") if part.strip())
    return NamedQuery(header["name"], header["description"], tables, params, sql, metrics, choices)


@cache
def named_queries() -> dict[str, NamedQuery]:
    """Every named question, by name."""
    found = [
        parse(path.read_text(encoding="utf-8"), path.name) for path in sorted(SQL_DIR.glob("*.sql"))
    ]
    return {query.name: query for query in found}


def is_name(text: str) -> bool:
    """True if `text` is meant as the name of a question, not as SQL."""
    return _NAME.match(text.strip()) is not None


def find(name: str) -> NamedQuery:
    """The question called `name`.

    Raises: UsageError with the nearest names.
    """
    queries = named_queries()
    if name not in queries:
        close = difflib.get_close_matches(name, queries, n=3)
        meant = f"Did you mean {' or '.join(close)}? " if close else ""
        raise UsageError(
            f"There is no query {name!r}. {meant}Queries: {', '.join(queries)}. "
            "Anything with a space in it is taken as SQL."
        )
    return queries[name]


def is_published(question: NamedQuery) -> bool:
    """True if it reads only what `publish` brings to PostgreSQL: gold and the catalogue."""
    return all(_is_published(name) for name in mentioned(question.sql))


def _is_published(name: str) -> bool:
    if name in view_texts() and name != PROGRESS:
        return name.startswith("gold.") and all(map(_is_published, mentioned(view_texts()[name])))
    return name.startswith("gold.") or name in PUBLISHED


def free_value(text: str) -> object:
    """The value of a parameter of free SQL: a whole number if it looks like one."""
    return int(text) if _NUMBER.match(text) else text


def _value(name: str, default: str, choices: tuple[str, ...] | None, given: str | None) -> object:
    if choices and given is not None and given not in choices:
        raise UsageError(f"{name} must be {' or '.join(choices)}; found {given!r}.")
    if default in HOUR_LIMITS:
        return HOUR_LIMITS[default] if given is None else hour_key(parse_hour(given))
    if default in DAY_LIMITS:
        return DAY_LIMITS[default] if given is None else parse_day(given).isoformat()
    if _NUMBER.match(default):
        text = default if given is None else given
        if not text.isascii() or not text.isdigit():
            raise UsageError(f"{name} must be a whole number from 0 on; found {text!r}.")
        return int(text)
    return default if given is None else given
