"""A tile's answer: the named question's rows, how fresh they are, and whether checks are red."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import duckdb
import pyarrow as pa

from clickstream_platform.errors import ClickstreamError
from clickstream_platform.queries.datasets import newest_commit
from clickstream_platform.queries.extract import Extract, ExtractLake
from clickstream_platform.queries.lake import Lake
from clickstream_platform.queries.named import (
    HOUR_LIMITS,
    IN_HOURS,
    TRAFFIC_PARAM,
    NamedQuery,
    find,
)
from clickstream_platform.queries.only import ROBOTS_COLUMN, WHOLE, is_filtered, quoted
from clickstream_platform.queries.views import base_tables
from clickstream_platform.settings import Settings
from clickstream_platform.tables.traffic import LATE_COLUMNS
from clickstream_platform.tiles.model import Tile, View

BENEATH_GOLD = "silver/events"  # what every table of gold is made from
ALL_HOURS = "time"  # the filter that a question without hours cannot apply
PART_DAYS = "hour"  # what of that filter a question of days cannot apply
_CHECKS = """
select "table", hour, action, rule from ops.v_dq_results
where not passed and action in ('block', 'warn') and "table" in ({tables})
    and {in_hours}
"""
_BLOCKED = """
select "table", hour, 'block' as action, blocked_by as rule from ops.v_hour_state
where blocked_by is not null and "table" in ({tables}) and {in_hours}
"""
# A table of gold goes as far as the events that silver had when it was last built. A held-back hour
# counts with what it had before, as in ops.progress.
_THROUGH = """
with newest as (
    select "table", hour, max_event_at, recorded_at from ops.hour_state
    where "table" in ({tables}) and blocked_by is null and {in_hours}
    qualify row_number() over (
        partition by "table", hour order by recorded_at desc, version desc
    ) = 1
),
events as (
    select hour, max_event_at, recorded_at from ops.hour_state
    where "table" = {silver} and blocked_by is null and {in_hours}
),
built as (
    select "table", max(hour) as hour, max(recorded_at) as built_at
    from newest where "table" like 'gold/%' group by "table"
),
served as (
    select "table", max(newest_then) as through
    from (
        select built."table", arg_max(events.max_event_at, events.recorded_at) as newest_then
        from built left join events on events.recorded_at <= built.built_at
            and (built.hour = 'all' or left(events.hour, length(built.hour)) <= built.hour)
        group by built."table", events.hour
    )
    group by "table"
)
select least(
    (select max(max_event_at) from newest where "table" = {silver}),
    (select min(through) from served)
) as data_through
"""


@dataclass(frozen=True)
class Answer:
    """Rows, or the `problem` why there are none.

    `red` and `warned` say which checks of the tile's tables did not pass in the view's hours;
    `unfiltered` names the filters that this tile's tables have no column for, or that its question
    does not take (`time`; `hour` if it takes days); `command` gives the same rows in a terminal.
    """

    rows: pa.Table | None
    data_through: datetime | None = None
    red: tuple[str, ...] = ()
    warned: tuple[str, ...] = ()
    unfiltered: tuple[str, ...] = ()
    problem: str | None = None
    command: str = ""


def answer(settings: Settings, tile: Tile, view: View, extract: Extract | None = None) -> Answer:
    """The tile's rows in the view; whatever stops it becomes a sentence for the reader.

    With an `extract`, the newest rows are read from there.
    """
    question = find(tile.query)
    try:
        with _lake(settings, view, extract) as lake:
            tables = base_tables(question.tables)
            missing = sorted(tables - set(lake.tables))
            if missing:
                return Answer(None, problem=_not_built(missing))
            lake.only = _usable(lake, question, view)
            return _answer(lake, question, tile, view, tables)
    except (ClickstreamError, duckdb.Error, pa.ArrowException) as error:
        return Answer(None, problem=str(error).splitlines()[0])


def _lake(settings: Settings, view: View, extract: Extract | None) -> Lake:
    if extract is None or view.as_of is not None:
        return Lake(settings, as_of=view.as_of)
    return ExtractLake(settings, extract)


def stamp(settings: Settings, tile: Tile) -> str:
    """Changes with each commit to a table the tile reads, so that an answer may be kept."""
    tables = base_tables(find(tile.query).tables) | {"ops.dq_results", "ops.hour_state"}
    return " ".join(
        str(newest_commit(settings.lake / name.replace(".", "/"))) for name in sorted(tables)
    )


def _answer(
    lake: Lake, question: NamedQuery, tile: Tile, view: View, tables: Iterable[str]
) -> Answer:
    known = {
        **{name: value for name, value in view.params.items() if name in question.params},
        **question.span(view.hours),
    }
    if not _tells_robots(lake, tables):
        known.pop(TRAFFIC_PARAM, None)
    rows = lake.run(question.sql, question.values({**known, **tile.params})).read_all()
    paths = sorted(name.replace(".", "/") for name in tables)
    red, warned = _checks(lake, paths, view)
    return Answer(
        rows=rows,
        data_through=_data_through(lake, paths, view),
        red=red,
        warned=warned,
        unfiltered=_unfiltered(question, view, known, lake.only),
        command=_command(tile, {**known, **tile.params}, lake.only, view.as_of),
    )


def _tells_robots(lake: Lake, tables: Iterable[str]) -> bool:
    """False if a mart is from before it was counted without robots: it has none of these rows."""
    return all(
        lake.has_column(name, column)
        for name in tables
        for column in {TRAFFIC_PARAM, ROBOTS_COLUMN} & {*LATE_COLUMNS.get(name, {})}
    )


def _unfiltered(
    question: NamedQuery,
    view: View,
    params: Mapping[str, str],
    only: Mapping[str, str | bool],
) -> tuple[str, ...]:
    missed = [ALL_HOURS] if set(view.hours) - set(params) else []
    if question.is_of_days and not view.is_of_whole_days:
        missed.append(PART_DAYS)
    by_param = {ROBOTS_COLUMN} if TRAFFIC_PARAM in params else set()
    return (*missed, *sorted(set(view.only) - set(only) - by_param))


def _command(
    tile: Tile,
    params: Mapping[str, str],
    only: Mapping[str, str | bool],
    as_of: datetime | None,
) -> str:
    parts = ["clickstream", "query", tile.query]
    for name, value in params.items():
        parts += ["--param", f"{name}={value}"]
    for column, kept in only.items():
        parts += ["--only", f"{column}={str(kept).lower() if isinstance(kept, bool) else kept}"]
    if as_of is not None:
        parts += ["--as-of", as_of.isoformat()]
    return shlex.join(parts)


def _usable(lake: Lake, question: NamedQuery, view: View) -> dict[str, str | bool]:
    """The filters that every table with rows of its own has a column for; a question that takes
    the kind of traffic leaves out robots in its own way."""
    facts = [name for name in base_tables(question.tables, but=WHOLE) if is_filtered(name)]
    asked = {ROBOTS_COLUMN} if TRAFFIC_PARAM in question.params else set()
    return {
        column: value
        for column, value in view.only.items()
        if column not in asked and facts and all(lake.can_filter(name, column) for name in facts)
    }


def _checks(lake: Lake, paths: list[str], view: View) -> tuple[tuple[str, ...], tuple[str, ...]]:
    beneath = [BENEATH_GOLD] if any(path.startswith("gold/") for path in paths) else []
    found: set[tuple[object, ...]] = set()
    for sql, needs in ((_CHECKS, "ops.dq_results"), (_BLOCKED, "ops.hour_state")):
        if needs in lake.tables:
            for row in lake.rows(_filled(sql, [*paths, *beneath]), _limits(view)):
                found.add((row["action"], row["table"], row["rule"], row["hour"]))
    return _summed(found, "block"), _summed(found, "warn")


def _summed(found: set[tuple[object, ...]], action: str) -> tuple[str, ...]:
    hours: dict[tuple[object, object], set[object]] = {}
    for kind, table, rule, hour in found:
        if kind == action:
            hours.setdefault((table, rule), set()).add(hour)
    return tuple(
        f"{table} {rule}: {len(of)} hour{'s' if len(of) > 1 else ''}"
        for (table, rule), of in sorted(hours.items(), key=str)
    )


def _data_through(lake: Lake, paths: list[str], view: View) -> datetime | None:
    if "ops.hour_state" not in lake.tables:
        return None
    found = lake.rows(_filled(_THROUGH, [*paths, BENEATH_GOLD]), _limits(view))[0]["data_through"]
    return found if isinstance(found, datetime) else None


def _limits(view: View) -> dict[str, str]:
    return {
        "from": view.first or HOUR_LIMITS["min hour"],
        "to": view.last or HOUR_LIMITS["max hour"],
    }


def _filled(sql: str, paths: Iterable[str]) -> str:
    tables = ", ".join(quoted(path) for path in paths)
    return sql.format(tables=tables, silver=quoted(BENEATH_GOLD), in_hours=IN_HOURS)


def _not_built(tables: list[str]) -> str:
    return f"Not built yet: {', '.join(tables)}. Run `clickstream run` to build it."
