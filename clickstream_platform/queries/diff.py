"""What changed an answer between two moments: the rows, the hours, and the files behind them.

Data: the lake's tables at both moments, by Delta's history; `ops/hour_state` says which hours were
built anew, and from what; the lines that bronze has and had not name the files.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from clickstream_platform.hours import day_of
from clickstream_platform.queries.lake import Lake, NoSuchVersionError
from clickstream_platform.queries.lineage import Lineage
from clickstream_platform.queries.named import HOUR_LIMITS
from clickstream_platform.queries.only import ROBOTS
from clickstream_platform.queries.views import mentioned, view_texts
from clickstream_platform.settings import Settings

Row = dict[str, object]
_NEW_LINES = """
select source, source_file, home_hour, count(*) as lines
from arriving
where (source_file, source_offset) not in (select (source_file, source_offset) from there_before)
group by all
order by all
"""
_ACCEPTED = """
select source_file, event_hour as home_hour, count(*) as accepted
from silver.events
where event_hour in (select unnest($hours)) and source_file in (select unnest($files))
group by all
"""


@dataclass(frozen=True)
class Change:
    """One number of the answer, then and now; null where the row did not exist."""

    row: Mapping[str, object]  # what tells the row from others
    column: str
    then: object
    now: object

    @property
    def by(self) -> object:
        """The difference, where there is one."""
        if isinstance(self.then, int | float | Decimal) and isinstance(self.now, type(self.then)):
            return self.now - self.then  # type: ignore[operator]
        return None


@dataclass(frozen=True)
class Cause:
    """Lines of a file that came in between and belong to an hour that changed."""

    table: str  # bronze/events or bronze/catalogue
    source: str
    source_file: str
    hour: str | None
    lines: int
    accepted: int | None


@dataclass
class Difference:
    """An answer's changes between two moments, and what led to them."""

    changes: list[Change] = field(default_factory=list)
    partitions: dict[str, list[str]] = field(default_factory=dict)  # of the tables asked
    hours: list[str] = field(default_factory=list)  # of silver
    files: list[Cause] = field(default_factory=list)
    other_rules: list[str] = field(default_factory=list)  # tables built by other code or limits
    repairs: int = 0


def difference(
    settings: Settings, sql: str, values: Mapping[str, object], since: datetime, until: datetime
) -> Difference:
    """What the answer to `sql` was and is, and why.

    Raises: QueryError.
    """
    found = Difference(
        changes=changed(_rows(settings, sql, values, since), _rows(settings, sql, values, until))
    )
    with Lake(settings) as lake:
        if "ops.hour_state" not in lake.tables:
            return found
        log = lake.rows("from ops.hour_state")
    days = settings.attribution_look_back_days
    lineage = Lineage(log, since, until, look_back_days=days)
    tables = {name.replace(".", "/") for name in _made_from(mentioned(sql))}
    wanted = {key for table in tables for key in lineage.changed(table) if is_asked(*key, values)}
    for table, key in sorted(wanted):
        found.partitions.setdefault(table, []).append(key)
    behind = lineage.behind(wanted)
    found.hours = sorted(hour for table, hour in behind if table == "silver/events")
    found.other_rules = sorted(
        {table for table, key in behind if lineage.has_other_rules(table, key)}
    )
    found.files = _files(settings, since, until, found.hours)
    if any(table.startswith("silver/") and key == "all" for table, key in behind):
        found.files += _feed_files(settings, since, until)
    found.repairs = _repairs(settings, since, until)
    return found


def changed(then: Sequence[Row], now: Sequence[Row]) -> list[Change]:
    """The numbers that differ; rows are told apart by their texts and times, if there are rows."""
    if len(then) == len(now) == 1:
        return list(_changes(then[0], now[0], {}))
    before, after = _keyed(then), _keyed(now)
    changes: list[Change] = []
    for key in [*after, *(key for key in before if key not in after)]:
        old, new = before.get(key, {}), after.get(key, {})
        told = {name: value for name, value in (new or old).items() if not _is_value(value)}
        changes += _changes(old, new, told)
    return changes


def _changes(old: Row, new: Row, told: Mapping[str, object]) -> Iterator[Change]:
    for name in dict.fromkeys([*new, *old]):
        if name not in told and old.get(name) != new.get(name):
            yield Change(told, name, old.get(name), new.get(name))


def _keyed(rows: Iterable[Row]) -> dict[tuple[object, ...], Row]:
    keyed: dict[tuple[object, ...], Row] = {}
    for row in rows:
        told = [str(value) for value in row.values() if not _is_value(value)]
        copy = 0
        while (*told, copy) in keyed:
            copy += 1
        keyed[*told, copy] = row
    return keyed


def _is_value(value: object) -> bool:
    """Numbers, flags, and null, which stands for a number that there is not."""
    return value is None or isinstance(value, int | float | Decimal)


def _rows(settings: Settings, sql: str, values: Mapping[str, object], at: datetime) -> list[Row]:
    """The answer at a moment; none before the first table was written."""
    with Lake(settings, as_of=at) as lake:
        try:
            return lake.rows(sql, values)
        except NoSuchVersionError:
            return []


def _made_from(names: Iterable[str]) -> set[str]:
    """The tables behind tables and views."""
    found = set()
    for name in names:
        inner = mentioned(view_texts()[name]) if name in view_texts() else set()
        found |= _made_from(inner) if inner else {name}
    return found


def is_asked(table: str, key: str, values: Mapping[str, object]) -> bool:
    """False for a partition outside the hours, or days, that the question was asked for.

    Once a robot, a robot all that day: of robots all hours of these days are asked.
    """
    if table == ROBOTS.replace(".", "/"):
        key = day_of(key)
    first = str(values.get("from", HOUR_LIMITS["min hour"]))
    last = str(values.get("to", HOUR_LIMITS["max hour"]))
    return not key[:1].isdigit() or (
        first[: len(key)] <= key[: len(first)] and key[: len(last)] <= last[: len(key)]
    )


def _files(
    settings: Settings, since: datetime, until: datetime, hours: Sequence[str]
) -> list[Cause]:
    if not hours:
        return []
    new = _new_lines(settings, "bronze.events", since, until, hours)
    with Lake(settings, as_of=until) as lake:
        files = sorted({str(row["source_file"]) for row in new})
        accepted = {
            (row["source_file"], row["home_hour"]): row["accepted"]
            for row in lake.rows(_ACCEPTED, {"hours": list(hours), "files": files})
        }
    return [
        Cause(
            table="bronze/events",
            source=str(row["source"]),
            source_file=str(row["source_file"]),
            hour=str(row["home_hour"]),
            lines=int(str(row["lines"])),
            accepted=int(str(accepted.get((row["source_file"], row["home_hour"]), 0))),
        )
        for row in new
    ]


def _feed_files(settings: Settings, since: datetime, until: datetime) -> list[Cause]:
    return [
        Cause(
            table="bronze/catalogue",
            source=str(row["source"]),
            source_file=str(row["source_file"]),
            hour=None,
            lines=int(str(row["lines"])),
            accepted=None,
        )
        for row in _new_lines(settings, "bronze.catalogue", since, until, None)
    ]


def _new_lines(
    settings: Settings,
    table: str,
    since: datetime,
    until: datetime,
    hours: Collection[str] | None,
) -> list[Row]:
    """The lines of a bronze table at `until` that it lacked at `since`, counted by file."""
    hour = "home_hour" if hours is not None else "null::varchar as home_hour"
    within = "true" if hours is None else "home_hour in (select unnest($hours))"
    values = {} if hours is None else {"hours": list(hours)}
    sql = f"select source, source_file, source_offset, {hour} from {table} where {within}"  # noqa: S608 (our own names)
    with Lake(settings, as_of=until) as lake:
        if table not in lake.tables:
            return []
        arriving = lake.run(sql, values).read_all()
    there_before = arriving.slice(0, 0)
    # Before the table's first version there was no line.
    with Lake(settings, as_of=since) as lake, contextlib.suppress(NoSuchVersionError):
        there_before = lake.run(sql, values).read_all()
    with Lake(settings) as lake:
        lake.sql.register("arriving", arriving)
        lake.sql.register("there_before", there_before)
        return lake.rows(_NEW_LINES)


def _repairs(settings: Settings, since: datetime, until: datetime) -> int:
    with Lake(settings) as lake:
        if "ops.repairs" not in lake.tables:
            return 0
        [row] = lake.rows(
            "select count(*) as n from ops.repairs "
            "where decided_at > $since and decided_at <= $until",
            {"since": since, "until": until},
        )
    return int(str(row["n"]))
