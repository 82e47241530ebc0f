"""What every build needs: where the home is, how lines are read, and the engine."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import TypeVar

from pyspark.sql import SparkSession

from clickstream_platform.hours import hour_key
from clickstream_platform.settings import Settings
from clickstream_platform.sources.feeds import Feed
from clickstream_platform.sources.loader import load_feeds, load_sources, mapping_digest
from clickstream_platform.sources.model import LineForm, Source
from clickstream_platform.storage import delta
from clickstream_platform.storage.folders import Folders
from clickstream_platform.storage.landing_look import EVERYTHING, Look, Scope, look
from clickstream_platform.storage.manifest import Manifest
from clickstream_platform.tables.catalog import ALL
from clickstream_platform.tables.contract import Table
from clickstream_platform.tables.enrichment import ENRICHMENT_VERSION
from clickstream_platform.tables.silver import COLUMNS_VERSION, RULES_VERSION
from clickstream_platform.tables.warnings import WARNINGS_VERSION
from clickstream_platform.transforms.limits import Limits, PeopleLimits

GOLD_CODE = "6"  # the same for gold
CATALOGUE_CODE = "1"  # and for the catalogue

Result = TypeVar("Result")


@dataclass(frozen=True)
class Workspace:
    """One home and one engine session, made on first use; another for what may take longer."""

    settings: Settings
    session: Callable[[], SparkSession]
    background: Callable[[], SparkSession] | None = None

    @property
    def spark(self) -> SparkSession:
        return self.session()

    @cached_property
    def in_background(self) -> Workspace:
        """The same home by a session whose jobs give way to all others, if there is one."""
        return replace(self, session=self.background or self.session)

    @property
    def lake(self) -> Path:
        return self.settings.lake

    @cached_property
    def sources(self) -> dict[str, Source]:
        return load_sources(self.settings.source_dirs)

    @cached_property
    def feeds(self) -> dict[str, Feed]:
        return load_feeds(self.settings.source_dirs)

    @property
    def forms(self) -> dict[str, LineForm]:
        """Everything that landing may hold files of: trackers and catalogue feeds."""
        return {**self.sources, **self.feeds}

    @cached_property
    def manifest(self) -> Manifest:
        return Manifest(self.settings.state)

    @property
    def cores(self) -> int:
        configured = self.settings.engine.cores
        return (os.cpu_count() or 2) if configured == "*" else int(configured)

    @cached_property
    def limits(self) -> Limits:
        current = self.settings
        ids = current.people
        return Limits(
            first_hour=current.first_hour,
            max_future_skew_s=current.max_future_skew_s,
            high_value_threshold=current.high_value_threshold,
            session_idle_s=current.sessions.idle_s,
            session_cap_s=current.sessions.cap_s,
            campaign_cut=current.sessions.campaign_cut,
            order_repeat_s=current.order_repeat_s,
            reporting_currency=current.reporting_currency,
            funnel_steps=tuple(current.funnel_steps),
            funnels=tuple((name, tuple(steps)) for name, steps in sorted(current.funnels.items())),
            attribution_look_back_days=current.attribution_look_back_days,
            people=PeopleLimits(
                blocked_ids=tuple(sorted({name.strip(" ").lower() for name in ids.blocked_ids})),
                max_users_per_device=ids.max_users_per_device,
                max_ids_per_person=ids.max_ids_per_person,
            ),
        )

    @cached_property
    def silver_code(self) -> str:
        """Changes with the rules, the mappings and the limits that silver depends on."""
        limits = self.limits
        used = [limits.first_hour, limits.max_future_skew_s, limits.high_value_threshold]
        versions = [ENRICHMENT_VERSION, WARNINGS_VERSION, COLUMNS_VERSION, *used]
        return _digest(str(RULES_VERSION), mapping_digest(self.sources), versions)

    @cached_property
    def blocked_code(self) -> str:
        """Changes also with the thresholds that can hold an hour back."""
        checks = self.settings.checks
        limits = [checks.max_reject_rate, checks.min_rows_for_reject_rate]
        return _digest(str(RULES_VERSION), self.silver_code, limits)

    @cached_property
    def gold_code(self) -> str:
        """Changes with the marts' rules and the limits they depend on."""
        return _digest(GOLD_CODE, "", asdict(self.limits))

    @cached_property
    def catalogue_code(self) -> str:
        """Changes with the feeds' mappings and the rules of versions."""
        return _digest(CATALOGUE_CODE, mapping_digest(self.feeds), [])

    def look_at_landing(self, scope: Scope = EVERYTHING) -> Look:
        """Registers new landing files in the manifest; tells what was left alone and why."""
        return look(
            self.settings.landing,
            self.forms,
            self.manifest,
            Folders(self.settings.state),
            running_hour=hour_key(datetime.now(UTC)),
            settle_s=self.settings.automation.settle_s,
            scope=scope,
        )

    def init_tables(self, tables: Sequence[Table] = ALL) -> None:
        """Creates missing tables, empty."""
        missing = [table for table in tables if not delta.exists(self.lake, table)]
        spark = self.spark if any(table.writer == "spark" for table in missing) else None
        in_parallel([partial(delta.init_table, self.lake, table, spark) for table in missing])


def _digest(code: str, mappings: str, values: object) -> str:
    text = json.dumps([code, mappings, values], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def in_parallel(
    tasks: Sequence[Callable[[], Result]], *, at_once: int | None = None
) -> list[Result]:
    """The tasks' results in order; the engine interleaves their jobs. The first error is raised.

    `at_once` is how many are at work at the same time, all if null.
    """
    if not tasks:
        return []
    with ThreadPoolExecutor(max_workers=at_once or len(tasks)) as pool:
        futures = [pool.submit(task) for task in tasks]
        return [future.result() for future in futures]
