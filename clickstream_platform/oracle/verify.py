"""Proves the laws of a home from the files up; starts no JVM and shares no code with the pipeline.

Data: `landing/`, `state/manifest.sqlite` and `lake/` of the home, all read only.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from clickstream_platform.errors import UsageError
from clickstream_platform.oracle.catalogue_law import (
    BRONZE_CATALOGUE,
    CATALOGUE,
    CATALOGUE_LAW,
    FEEDS_LAW,
    check_catalogue,
    check_feeds,
)
from clickstream_platform.oracle.conservation_law import CONSERVATION
from clickstream_platform.oracle.daily_laws import TABLES as DAILY
from clickstream_platform.oracle.daily_laws import check_daily
from clickstream_platform.oracle.findings import LawResult, Report
from clickstream_platform.oracle.gold_laws import GOLD_EQUAL, check_gold
from clickstream_platform.oracle.hours_built import BuiltHours
from clickstream_platform.oracle.kafka_law import KAFKA_OFFSETS, check_offsets
from clickstream_platform.oracle.lake import GOLD, SILVER, Lake
from clickstream_platform.oracle.landing_law import (
    ADDRESS_UNIQUE,
    BRONZE,
    LANDING_TO_BRONZE,
    check_addresses,
    check_landing,
)
from clickstream_platform.oracle.lateness_law import LATENESS, LATENESS_LAW, check_lateness
from clickstream_platform.oracle.ledger_law import LEDGER, LEDGER_LAW, check_ledger
from clickstream_platform.oracle.mappings import read_mappings
from clickstream_platform.oracle.silver_laws import (
    EVENT_UNIQUE,
    HOME_HOUR,
    SILVER_EQUAL,
    SilverLaws,
    check_silver,
)
from clickstream_platform.oracle.star_law import STAR_LAW, check_star
from clickstream_platform.oracle.warnings_law import WARNINGS, WARNINGS_LAW, check_warnings
from clickstream_platform.settings import Settings

VERIFIABLE = (
    *(BRONZE, *SILVER, *GOLD, *DAILY, LEDGER, WARNINGS, LATENESS),
    *(BRONZE_CATALOGUE, *CATALOGUE),
)
Progress = Callable[[str], None]


class UnknownTableError(UsageError):
    """A table name that `verify` has no law for."""


def verify(
    settings: Settings,
    *,
    tables: Sequence[str] | None = None,
    versions: dict[str, int] | None = None,
    progress: Progress = lambda phase: None,
) -> Report:
    """The verdict of every law that concerns `tables` (all if null).

    `versions` names Delta versions by `layer/name`; a table not named is read at its newest one.
    `progress` hears the name of each phase as it begins.
    Raises: UnknownTableError for a table without laws; MappingError for an unreadable mapping.
    """
    wanted = set(VERIFIABLE if tables is None else tables)
    if unknown := sorted(wanted - set(VERIFIABLE)):
        raise UnknownTableError(f"No law for {unknown}; choose of {', '.join(VERIFIABLE)}.")
    report = Report()
    start = time.monotonic()
    with Lake(settings, read_mappings(settings.source_dirs), versions) as lake:
        built = BuiltHours(lake)
        if BRONZE in wanted:
            with _phase(report, progress, LANDING_TO_BRONZE) as (landing,):
                check_landing(lake, landing, report)
            with _phase(report, progress, ADDRESS_UNIQUE) as (addresses,):
                check_addresses(lake, addresses)
            with _phase(report, progress, KAFKA_OFFSETS) as (offsets,):
                check_offsets(lake, offsets, report)
        if wanted & {BRONZE, *SILVER}:
            names = (HOME_HOUR, CONSERVATION, EVENT_UNIQUE, SILVER_EQUAL)
            with _phase(report, progress, *names) as results:
                check_silver(lake, built, SilverLaws(*results), report)
        if wanted & {*GOLD, *DAILY}:
            with _phase(report, progress, GOLD_EQUAL) as (gold,):
                check_gold(lake, built, gold, report, is_wanted=wanted.__contains__)
                check_daily(lake, built, gold, report, is_wanted=wanted.__contains__)
            with _phase(report, progress, STAR_LAW) as (star,):
                check_star(lake, built, star, report, is_wanted=wanted.__contains__)
        if LEDGER in wanted:
            with _phase(report, progress, LEDGER_LAW) as (ledger,):
                check_ledger(lake, built, ledger)
        if WARNINGS in wanted:
            with _phase(report, progress, WARNINGS_LAW) as (warnings,):
                check_warnings(lake, built, warnings)
        if LATENESS in wanted:
            with _phase(report, progress, LATENESS_LAW) as (lateness,):
                check_lateness(lake, built, lateness)
        if BRONZE_CATALOGUE in wanted:
            with _phase(report, progress, FEEDS_LAW) as (feeds,):
                check_feeds(lake, feeds, report)
        if wanted & {*CATALOGUE}:
            with _phase(report, progress, CATALOGUE_LAW) as (versioned,):
                check_catalogue(lake, built, versioned, report)
    if not report.lines:
        report.notes.append("there is no line in bronze yet")
    report.seconds = time.monotonic() - start
    return report


@contextmanager
def _phase(report: Report, progress: Progress, *names: str) -> Iterator[list[LawResult]]:
    """Laws proved in one pass; they share its time."""
    progress(", ".join(names))
    results = [LawResult(name) for name in names]
    start = time.monotonic()
    yield results
    for result in results:
        result.seconds = time.monotonic() - start
    report.laws.extend(results)
