"""What the reports hold: the shop's pages, or what is wrong with the data and what to do."""

from __future__ import annotations

from datetime import UTC, datetime

from clickstream_platform.operations.freshness import freshness
from clickstream_platform.operations.late_hours import LateHour, late_hours
from clickstream_platform.queries.lake import Lake
from clickstream_platform.queries.named import HOUR_LIMITS, IN_HOURS
from clickstream_platform.report.html import Section, Sheet, page
from clickstream_platform.report.masking import masked
from clickstream_platform.report.period import Period
from clickstream_platform.settings import Settings
from clickstream_platform.tables.catalog import BY_PATH
from clickstream_platform.tables.contract import SNAPSHOT_KEY
from clickstream_platform.tiles.model import View
from clickstream_platform.tiles.pages import SHOP_PAGES
from clickstream_platform.tiles.pages.quality import QUALITY

SAMPLES_PER_REASON = 5
_SAMPLES = """
select reason, source, event_hour, source_file, source_offset, raw
from (select *, unnest(reasons) as reason from silver.quarantine
      where event_hour between $from and $to)
qualify row_number() over (
    partition by reason, source order by event_hour desc, source_file, source_offset
) <= $samples
order by reason, source, event_hour desc, source_file, source_offset
"""
_BROKEN = """
select "table", "check", rule, action, count(distinct hour) as hours, min(hour) as first_hour,
    max(hour) as last_hour, sum(failed_count)::bigint as failed_count
from ops.v_dq_results
where not passed and {in_hours}
group by "table", "check", rule, action
order by array_position(['block', 'warn', 'reject'], action), failed_count desc, "table", rule
"""


def shop_report(settings: Settings, period: Period | None) -> str:
    """The shop's numbers of the period, page by page as on the dashboard."""
    sections = [Section(shop.title, shop.tiles) for shop in SHOP_PAGES]
    return page(settings, f"Shop report {_name(period)}", _view(period), sections)


def quality_report(settings: Settings, period: Period | None) -> str:
    """Broken rules with owner and remedy, their trend, worst sources, samples, freshness."""
    view = _view(period)
    now = datetime.now(UTC)
    sheets = [
        *(_broken_rules(settings, view), _freshness(settings, now), _late_hours(settings, now)),
        _samples(settings, view),
    ]
    sections = [
        Section("What did not pass", (), sheets=sheets[:3]),
        Section("Trend and sources", QUALITY.tiles),
        Section("Samples of rejected lines", (), sheets=sheets[3:]),
    ]
    return page(settings, f"Data quality {_name(period)}", view, sections)


def remedy(table: str, action: str, first_hour: str, last_hour: str) -> str:
    """The command to run once the cause is mended."""
    if action == "warn":
        return "look at the rows; nothing is held back"
    if table == "silver/quarantine" or action == "reject":
        chosen = f"--hours {first_hour}..{last_hour}"
        return f"correct the mapping or give `--fix`: clickstream quarantine replay {chosen}"
    if first_hour == SNAPSHOT_KEY:
        return "clickstream run"  # it stays stale until it holds
    if "T" not in first_hour:  # the key of a day names all of its hours
        first_hour, last_hour = f"{first_hour}T00", f"{last_hour}T23"
    return f"clickstream run --from {first_hour} --to {last_hour} --force"


def _broken_rules(settings: Settings, view: View) -> Sheet:
    head = ("table", "check", "rule", "action", "hours", "failed", "owner", "then")
    rows = _rows(settings, _BROKEN.format(in_hours=IN_HOURS), _limits(view), needs="ops.dq_results")
    lines = [
        (
            *(str(row[name]) for name in ("table", "check", "rule", "action", "hours")),
            f"{row['failed_count']:,}",
            BY_PATH[str(row["table"])].owner if row["table"] in BY_PATH else "-",
            remedy(*(str(row[n]) for n in ("table", "action", "first_hour", "last_hour"))),
        )
        for row in rows
    ]
    return Sheet("Rules that did not hold", head, lines, "Every rule held.")


def _freshness(settings: Settings, now: datetime) -> Sheet:
    head = ("table", "data through (UTC)", "age", "held-back hours", "verdict")
    lines = [
        (
            found.table,
            "-" if found.data_through is None else f"{found.data_through:%Y-%m-%d %H:%M:%S}",
            "-" if found.age_s is None else f"{found.age_s / 3600:,.1f} h",
            str(found.blocked_hours),
            "fresh" if found.is_fresh else "stale",
        )
        for found in freshness(settings, now=now)
    ]
    return Sheet("Freshness, by the newest event", head, lines, "No hour was built yet.")


def _late_hours(settings: Settings, now: datetime) -> Sheet:
    """Late hours by why, the tables of an hour together."""
    title = f"Late hours of the last {settings.alerts.lookback_hours}"
    head = ("hour", "why", "since (UTC)", "tables")
    found = late_hours(settings, now=now)
    if found is None:
        return Sheet(title, head, [], "The lake is at rest: its newest event is older.")
    hours: dict[tuple[str, str], list[LateHour]] = {}
    for late in found:
        hours.setdefault((late.hour, late.why), []).append(late)
    lines = [
        (hour, why, f"{min(late.since for late in same):%Y-%m-%d %H:%M:%S}",
         ", ".join(late.table for late in same))
        for (hour, why), same in sorted(hours.items(), reverse=True)
    ]  # fmt: skip
    return Sheet(title, head, lines, "No hour is late.")


def _samples(settings: Settings, view: View) -> Sheet:
    head = ("reason", "source", "hour", "line", "masked content")
    values = {**_limits(view), "samples": SAMPLES_PER_REASON}
    lines = [
        (
            str(row["reason"]),
            str(row["source"]),
            str(row["event_hour"]),
            f"{str(row['source_file']).rpartition('@')[0]}:{row['source_offset']}",
            masked(row["raw"] if isinstance(row["raw"], bytes) else b""),
        )
        for row in _rows(settings, _SAMPLES, values, needs="silver.quarantine")
    ]
    return Sheet("Letters are x, digits are 9", head, lines, "No line was rejected.")


def _rows(
    settings: Settings, sql: str, values: dict[str, object], *, needs: str
) -> list[dict[str, object]]:
    with Lake(settings) as lake:
        return lake.rows(sql, values) if needs in lake.tables else []


def _limits(view: View) -> dict[str, object]:
    return {
        "from": view.first or HOUR_LIMITS["min hour"],
        "to": view.last or HOUR_LIMITS["max hour"],
    }


def _view(period: Period | None) -> View:
    return View() if period is None else View(first=period.first_hour, last=period.last_hour)


def _name(period: Period | None) -> str:
    return "of all hours" if period is None else period.name
