"""Which hours, days and tables must be built again, without an engine."""

from dataclasses import replace
from pathlib import Path

from clickstream_platform.build.inputs import DayInputs
from clickstream_platform.build.staleness import (
    stale_days,
    stale_gold,
    stale_silver,
    stale_snapshots,
)
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.setting_groups import CheckSettings
from clickstream_platform.settings import read_settings
from clickstream_platform.storage.hour_state import HourStateRow, States
from clickstream_platform.tables.attribution import ATTRIBUTION_CREDIT
from clickstream_platform.tables.contract import SNAPSHOT_KEY, Table
from clickstream_platform.tables.daily import CART_ABANDONMENT, FACT_DAILY_METRICS
from clickstream_platform.tables.gold import DAILY, GOLD, SNAPSHOTS
from clickstream_platform.tables.products import DIM_PRODUCT_METRICS

HOUR = "2024-11-29T10"


def workspace_with(home: Path, *, max_reject_rate: float) -> Workspace:
    checks = CheckSettings(max_reject_rate=max_reject_rate)
    return Workspace(read_settings(home=home, checks=checks), lambda: None)  # type: ignore[arg-type, return-value]


def test_a_held_back_hour_is_judged_again_only_when_a_threshold_changes(tmp_path: Path) -> None:
    strict = workspace_with(tmp_path, max_reject_rate=0.5)
    mild = workspace_with(tmp_path, max_reject_rate=0.9)
    bronze = HourStateRow(
        table="bronze/events",
        hour=HOUR,
        version=1,
        input_version=-1,
        row_count=30,
        code_version="received",
        run_id="r",
        reach_from=HOUR,
        reach_to=HOUR,
    )
    settled = replace(
        bronze, table="silver/events", input_version=1, code_version=strict.silver_code
    )
    held = replace(settled, blocked_by="reject_rate", code_version=strict.blocked_code)
    for row, again in ((settled, []), (held, [HOUR])):
        states = {("bronze/events", HOUR): bronze, ("silver/events", HOUR): row}
        assert stale_silver(strict, states) == []
        assert stale_silver(mild, states) == again


ONE, TWO, FAR = "2024-11-28", "2024-11-29", "2024-12-10"


def state(workspace: Workspace, path: str, key: str, *, version: int = 1) -> HourStateRow:
    code = workspace.silver_code if path.startswith("silver/") else workspace.gold_code
    return HourStateRow(
        table=path,
        hour=key,
        version=version,
        input_version=1,
        row_count=5,
        code_version=code,
        run_id="r",
        reach_from=key,
        reach_to=key,
    )


def built_hours(workspace: Workspace, *days: str) -> dict[tuple[str, str], HourStateRow]:
    """One hour of each day, settled from bronze to gold."""
    paths = ("bronze/events", "silver/events", *(table.path for table in GOLD))
    return {
        (path, f"{day}T10"): state(workspace, path, f"{day}T10") for path in paths for day in days
    }


def with_tables(workspace: Workspace, states: States, keys: dict[Table, tuple[str, ...]]) -> States:
    """The states after these tables were built from them, one after the other."""
    now = dict(states)
    for table, of_table in keys.items():
        for key in of_table:
            digest = DayInputs(now).digest(table, key)
            row = state(workspace, table.path, key)
            now[(table.path, key)] = replace(row, input_version=-1, input_digest=digest)
    return now


def test_a_day_is_stale_when_an_hour_that_reaches_it_has_changed(tmp_path: Path) -> None:
    workspace = workspace_with(tmp_path, max_reject_rate=0.5)
    hours = built_hours(workspace, ONE, TWO, FAR)
    assert stale_days(workspace, hours) == [ONE, TWO, FAR]
    days = dict.fromkeys(DAILY, (ONE, TWO, FAR))
    built = with_tables(workspace, hours, days)
    assert stale_days(workspace, built) == []

    def changed(path: str, day: str) -> States:
        newer = replace(built[(path, f"{day}T10")], version=2)
        return {**built, (path, f"{day}T10"): newer}

    orders = changed("gold/fact_transactions", TWO)
    assert stale_days(workspace, orders, tables=[FACT_DAILY_METRICS]) == [TWO]
    assert stale_days(workspace, orders, tables=[ATTRIBUTION_CREDIT]) == [TWO, FAR], "30 before"
    assert stale_days(workspace, orders, tables=[CART_ABANDONMENT]) == [ONE, TWO], "8 days after"
    assert stale_days(workspace, changed("gold/hourly_metrics", ONE)) == [ONE, TWO, FAR], (
        "28 before"
    )
    assert stale_days(workspace, changed("gold/revenue_5min", ONE)) == [], "nobody reads it"


def test_of_chosen_gold_tables_an_hour_is_stale_only_if_one_of_them_is(tmp_path: Path) -> None:
    workspace = workspace_with(tmp_path, max_reject_rate=0.5)
    built = built_hours(workspace, ONE)
    key = (GOLD[0].path, f"{ONE}T10")
    marked = {**built, key: replace(built[key], is_stale=True)}
    assert stale_gold(workspace, built) == []
    assert stale_gold(workspace, marked) == [f"{ONE}T10"]
    assert stale_gold(workspace, marked, GOLD[:1]) == [f"{ONE}T10"]
    assert stale_gold(workspace, marked, GOLD[1:]) == [], "the others need no build"


def test_a_day_waits_for_its_own_hours_and_a_new_hour_makes_it_stale(tmp_path: Path) -> None:
    workspace = workspace_with(tmp_path, max_reject_rate=0.5)
    built = with_tables(workspace, built_hours(workspace, ONE), dict.fromkeys(DAILY, (ONE,)))
    more = {**built, **{
        (path, f"{ONE}T11"): replace(row, hour=f"{ONE}T11", reach_from=f"{ONE}T11",
                                     reach_to=f"{ONE}T11")
        for (path, key), row in built.items() if key == f"{ONE}T10"
    }}  # fmt: skip
    assert stale_days(workspace, more) == [ONE]
    key = ("silver/events", f"{ONE}T11")
    half_way = {**more, key: replace(more[key], version=2)}
    assert stale_days(workspace, half_way) == [], "gold of 11:00 is stale, the day waits for it"


def test_a_table_over_all_time_is_stale_when_any_input_has_changed(tmp_path: Path) -> None:
    workspace = workspace_with(tmp_path, max_reject_rate=0.5)
    assert stale_snapshots(workspace, {}) == [], "nothing to build from"
    hours = built_hours(workspace, ONE)
    days = with_tables(workspace, hours, dict.fromkeys(DAILY, (ONE,)))
    built = with_tables(workspace, days, dict.fromkeys(SNAPSHOTS, (SNAPSHOT_KEY,)))
    assert stale_snapshots(workspace, days) == [*SNAPSHOTS]
    assert stale_snapshots(workspace, built) == []
    key = ("gold/product_metrics_daily", ONE)
    newer = {**built, key: replace(built[key], version=2)}
    assert stale_snapshots(workspace, newer) == [DIM_PRODUCT_METRICS]
