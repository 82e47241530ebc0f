"""`verify` on a home written by hand: it holds, and each single break is named."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner
from deltalake import DeltaTable

from clickstream_platform.oracle.catalogue_law import BRONZE_CATALOGUE, CATALOGUE
from clickstream_platform.oracle.command import verify as verify_command
from clickstream_platform.oracle.daily_laws import TABLES as DAILY
from clickstream_platform.oracle.findings import Finding, masked
from clickstream_platform.oracle.verify import VERIFIABLE, UnknownTableError, verify
from clickstream_platform.settings import Settings, read_settings
from clickstream_platform.tables.bronze import BRONZE_EVENTS
from clickstream_platform.tables.gold import REVENUE_5MIN
from clickstream_platform.tables.ops import HOUR_STATE
from clickstream_platform.tables.silver import SILVER_DUPLICATES, SILVER_EVENTS
from clickstream_platform_tests.oracle import tiny_home as tiny
from clickstream_platform_tests.oracle.tiny_home import ELEVEN, FILE_A, FILE_B, TEN


@pytest.fixture(scope="module")
def good_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("tiny")
    tiny.build(home)
    return home


@pytest.fixture
def settings(good_home: Path, tmp_path: Path) -> Settings:
    """A copy of the good home to break."""
    shutil.copytree(good_home, tmp_path / "home")
    return read_settings(home=tmp_path / "home")


def delta(settings: Settings, table: str) -> DeltaTable:
    return DeltaTable(str(settings.lake / table))


def findings(settings: Settings, law: str, table: str) -> list[Finding]:
    report = verify(settings)
    assert not report.ok
    return [f for found in report.laws for f in found.findings if (f.law, f.table) == (law, table)]


def test_the_home_written_by_hand_holds_all_laws(good_home: Path) -> None:
    report = verify(read_settings(home=good_home))
    assert [f for law in report.laws for f in law.findings] == []
    assert report.ok
    counts = (report.lines, report.accepted, report.duplicates, report.quarantined, report.pending)
    assert counts == (11, 7, 1, 3, 0)
    assert (report.pending_files, report.archived) == (0, 0)
    assert {law.law: law.checked for law in report.laws} == {
        "landing_to_bronze": 11,
        "bronze_address_unique": 11,
        "kafka_offsets": 0,
        "home_hour": 11,
        "conservation": 11,
        "silver_event_unique": 7,
        "silver_equals_definition": 11,
        "gold_equals_definition": 7 + 2 + 3 + 2 * 2 + 6 * (16 + 12) + 2 * 2,
        "star_has_no_orphans": 7 + 3 + 2,
        "ledger": 4,
        "ingestion_warnings": 6,
        "lateness": 4,
        "feeds_to_bronze": 0,
        "versions_equal_definition": 0,
    }


def test_an_empty_home_holds_with_a_note(tmp_path: Path) -> None:
    report = verify(read_settings(home=tmp_path))
    assert (report.ok, report.lines) == (True, 0)
    assert report.notes == ["there is no line in bronze yet"]


def test_a_deleted_silver_row_is_missing(settings: Settings) -> None:
    delta(settings, "silver/events").delete("event_id = 'e2'")
    [lost] = findings(settings, "conservation", "bronze/events")
    assert (lost.hour, lost.problem) == (ELEVEN, "missing row")
    assert lost.key == {"source_file": FILE_A, "source_offset": 1}
    [row] = findings(settings, "silver_equals_definition", "silver/events")
    assert (row.hour, row.problem, row.key) == (ELEVEN, "missing row", lost.key)


def test_an_appended_duplicate_is_in_more_than_one_table(settings: Settings) -> None:
    extra = {**tiny.DUPLICATES[0], "source_offset": 0}
    tiny.write(settings, SILVER_DUPLICATES, [extra])
    [twice] = findings(settings, "conservation", "silver/duplicates")
    assert twice.problem == "in more than one table"
    assert twice.actual == ["silver/duplicates", "silver/events"]
    [row] = findings(settings, "silver_equals_definition", "silver/duplicates")
    assert (row.hour, row.problem) == (TEN, "unexpected row")
    assert row.key == {"source_file": FILE_A, "source_offset": 0}


def test_an_event_accepted_twice_is_no_unique_key(settings: Settings) -> None:
    tiny.write(settings, SILVER_EVENTS, [{**tiny.EVENTS[0], "source_offset": 2}])
    [row] = findings(settings, "silver_event_unique", "silver/events")
    assert row.key == {"event_hour": TEN, "id_scope": "shop_json", "event_id": "e1"}
    assert row.actual == 2


def test_the_wrong_surviving_line_is_found(settings: Settings) -> None:
    delta(settings, "silver/duplicates").update({"accepted_source_offset": "1"})
    [row] = findings(settings, "silver_equals_definition", "silver/duplicates")
    assert (row.problem, row.hour) == ("different value", TEN)
    assert (row.expected, row.actual) == (
        {"accepted_source_offset": 0},
        {"accepted_source_offset": 1},
    )


def test_personal_data_is_shown_as_a_digest(settings: Settings) -> None:
    delta(settings, "silver/events").update({"user_id": "'eve'"}, predicate="event_id = 'e1'")
    [row] = findings(settings, "silver_equals_definition", "silver/events")
    assert row.expected == {"user_id": masked("uA")}
    assert row.actual == {"user_id": masked("eve")}


def test_a_wrong_reason_is_found(settings: Settings) -> None:
    predicate = "source_offset = 3 and event_hour = '2024-11-29T10'"
    delta(settings, "silver/quarantine").update(
        {"reasons": "make_array('invalid_utf8')"}, predicate=predicate
    )
    [row] = findings(settings, "silver_equals_definition", "silver/quarantine")
    assert row.expected == {"reasons": ["malformed_line"]}


@pytest.mark.parametrize(
    ("table", "change", "predicate", "hour", "key", "expected"),
    [
        ("gold/fact_transactions", ("value", "21.00"), "transaction_id = 't1'", ELEVEN,
         {"order_id": tiny.md5("shop_json", "e4", ELEVEN)}, "20.00"),
        ("gold/revenue_5min", ("revenue", "5.51"), "item_id = 'p2' and traffic = 'human'", ELEVEN,
         {"window_start": "2024-11-29T11:05:00+00:00", "traffic": "human", "currency": None,
          "item_category": None, "item_id": "p2"}, "5.50"),
        ("gold/hourly_metrics", ("sessions_started", "3"),
         "event_hour = '2024-11-29T10' and traffic = 'all'", TEN,
         {"event_hour": TEN, "traffic": "all"}, 2),
        ("gold/fact_sessions", ("purchases", "2"), "visitor_id = 'uA'", TEN,
         {"session_id": tiny.SESSION_A}, 1),
        ("gold/fact_events", ("event_sequence", "9"), "event_id = 'e2'", ELEVEN,
         {"event_hour": ELEVEN, "id_scope": "shop_json", "event_id": "e2"}, 2),
        ("gold/funnel_10min", ("overall_rate", "0.5"),
         "sessions_at_step = 2 and traffic = 'all' and unit = 'user' and mode = 'strict'", ELEVEN,
         {"window_start": "2024-11-29T11:00:00+00:00", "traffic": "all", "unit": "user",
          "mode": "strict", "step_no": 4}, 0.0),
    ],
)  # fmt: skip
def test_a_changed_value_in_gold_is_named(
    settings: Settings,
    *,
    table: str,
    change: tuple[str, str],
    predicate: str,
    hour: str,
    key: dict,
    expected: object,
) -> None:
    column, value = change
    delta(settings, table).update({column: value}, predicate=predicate)
    [row] = findings(settings, "gold_equals_definition", table)
    assert (row.problem, row.hour, row.key) == ("different value", hour, key)
    assert row.expected == {column: expected}


def test_a_deleted_gold_row_is_missing(settings: Settings) -> None:
    delta(settings, "gold/fact_sessions").delete("visitor_id = 'b'")
    [row] = findings(settings, "gold_equals_definition", "gold/fact_sessions")
    assert (row.problem, row.hour, row.key) == ("missing row", TEN, {"session_id": tiny.SESSION_B})


def test_a_double_within_the_tolerance_is_equal(settings: Settings) -> None:
    delta(settings, "gold/fact_sessions").update(
        {"duration_s": "1260.0000000001"}, predicate="visitor_id = 'uA'"
    )
    assert verify(settings).ok


def test_a_removed_bronze_row_is_missing_from_landing(settings: Settings) -> None:
    delta(settings, "bronze/events").delete("source_offset = 4")
    [row] = findings(settings, "landing_to_bronze", "bronze/events")
    assert (row.problem, row.hour) == ("missing row", TEN)
    assert row.key == {"source_file": FILE_A, "source_offset": 4}
    [extra] = findings(settings, "conservation", "silver/events")
    assert (extra.problem, extra.key) == ("unexpected row", row.key)


def test_changed_bytes_in_bronze_are_found(settings: Settings) -> None:
    path = settings.landing / f"shop_json/{TEN}/a.jsonl"
    lines = delta(settings, "bronze/events").to_pyarrow_table().to_pylist()
    changed = [{**r, "raw": r["raw"] + b" "} if r["raw"] == tiny.E2 else r for r in lines]
    tiny.write(settings, BRONZE_EVENTS, changed, mode="overwrite")
    [row] = findings(settings, "landing_to_bronze", "bronze/events")
    assert path.is_file()
    assert (row.problem, row.key["source_offset"]) == ("different value", 1)
    assert set(row.expected) == {"raw"}


def test_a_repeated_address_is_found(settings: Settings) -> None:
    tiny.write(settings, BRONZE_EVENTS, [tiny.BRONZE[0]])
    [row] = findings(settings, "bronze_address_unique", "bronze/events")
    assert (row.key, row.actual) == ({"source_file": FILE_A, "source_offset": 0}, 2)


def test_a_flipped_home_hour_is_found(settings: Settings) -> None:
    delta(settings, "bronze/events").update(
        {"home_hour": f"'{TEN}'"}, predicate="source_offset = 1 and ingest_hour = '2024-11-29T10'"
    )
    [row] = findings(settings, "home_hour", "bronze/events")
    assert (row.expected, row.actual) == ({"home_hour": ELEVEN}, {"home_hour": TEN})
    assert row.key == {"source_file": FILE_A, "source_offset": 1}


@pytest.mark.parametrize(("column", "value"), [("lines", "9"), ("pending", "1")])
def test_a_ledger_that_does_not_add_up_is_found(
    settings: Settings, column: str, value: str
) -> None:
    delta(settings, "ops/conservation_ledger").update(
        {column: value}, predicate="source = 'transactions_csv'"
    )
    found = findings(settings, "ledger", "ops/conservation_ledger")
    assert [f.problem for f in found] == ["does not add up", "different value"]
    assert {f.hour for f in found} == {ELEVEN}


def test_a_wrong_lateness_is_found(settings: Settings) -> None:
    delta(settings, "ops/lateness_hourly").update(
        {"lateness_p50_s": "9"}, predicate="lateness_p50_s = 5"
    )
    [row] = findings(settings, "lateness", "ops/lateness_hourly")
    assert (row.expected, row.actual) == ({"lateness_p50_s": 5}, {"lateness_p50_s": 9})
    assert row.key == {"ingest_hour": ELEVEN, "home_hour": ELEVEN, "source": "shop_json"}


@pytest.mark.parametrize(
    ("column", "value", "expected", "actual"),
    [
        ("lines", "2", {"lines": 1}, {"lines": 2}),
        ("sample_offset", "0", {"sample_offset": 2}, {"sample_offset": 0}),
        ("severity", "'warn'", {"severity": "info"}, {"severity": "warn"}),
    ],
)
def test_a_wrong_ingestion_warning_is_found(
    settings: Settings, column: str, value: str, expected: object, actual: object
) -> None:
    warnings = delta(settings, "ops/ingestion_warnings")
    warnings.update({column: value}, predicate="type = 'duplicate'")
    [row] = findings(settings, "ingestion_warnings", "ops/ingestion_warnings")
    assert (row.hour, row.expected, row.actual) == (TEN, expected, actual)
    assert row.key == {"home_hour": TEN, "source": "shop_json", "type": "duplicate"}


def test_a_repeat_that_disagrees_with_its_order_must_have_a_row(settings: Settings) -> None:
    table = "gold/transaction_conflicts"
    assert verify(settings, tables=[table]).ok
    delta(settings, "silver/events").update({"value": "20.01"}, predicate="event_id = 'e5'")
    [row] = verify(settings, tables=[table]).laws[0].findings
    assert (row.table, row.problem, row.hour) == (table, "missing row", ELEVEN)
    assert row.key == {"event_hour": ELEVEN, "id_scope": "shop_json", "event_id": "e5"}
    assert (row.expected["value"], row.expected["order_value"]) == ("20.01", "20.00")
    assert row.expected["order_id"] == tiny.md5("shop_json", "e4", ELEVEN)


def test_a_warning_without_remedy_is_found(settings: Settings) -> None:
    warnings = delta(settings, "ops/ingestion_warnings")
    warnings.update({"remedy": "' '"}, predicate="type = 'no_visitor'")
    [row] = findings(settings, "ingestion_warnings", "ops/ingestion_warnings")
    assert (row.hour, row.problem, row.key["type"]) == (ELEVEN, "no remedy", "no_visitor")


def test_warnings_of_a_held_back_hour_are_those_of_its_unseen_events(settings: Settings) -> None:
    held = tiny.state(
        "silver/events", ELEVEN, blocked_by="reject_rate", recorded_at=tiny.at("13:00:00")
    )
    tiny.write(settings, HOUR_STATE, [held])
    warnings = delta(settings, "ops/ingestion_warnings")
    warnings.update({"lines": "7", "sample_file": "null"}, predicate="type = 'no_visitor'")
    report = verify(settings, tables=["ops/ingestion_warnings"])
    assert (report.ok, report.laws[0].checked) == (True, 4)


def test_the_ledger_of_a_held_back_hour_has_its_good_lines_pending(settings: Settings) -> None:
    held = tiny.state(
        "silver/events", ELEVEN, blocked_by="reject_rate", recorded_at=tiny.at("13:00:00")
    )
    tiny.write(settings, HOUR_STATE, [held])
    laws = verify(settings, tables=["ops/conservation_ledger"]).laws
    assert not laws[0].ok, "the rows of before are still in the table, but they are pending"
    ledger = delta(settings, "ops/conservation_ledger")
    ledger.update({"pending": "accepted", "accepted": "0"}, predicate=f"home_hour = '{ELEVEN}'")
    assert verify(settings, tables=["ops/conservation_ledger"]).ok


@pytest.mark.parametrize(
    ("table", "gone", "orphaned"),
    [
        ("gold/fact_sessions", "event_hour = '2024-11-29T11'", {"gold/fact_events"}),
        (
            "gold/fact_events",
            "event_name = 'purchase'",
            {"gold/fact_transactions", "gold/fact_sessions"},
        ),
    ],
)
def test_a_row_that_others_name_leaves_orphans(
    settings: Settings, table: str, gone: str, orphaned: set[str]
) -> None:
    DeltaTable(str(settings.lake / table)).delete(gone)
    report = verify(settings)
    [star] = [law for law in report.laws if law.law == "star_has_no_orphans"]
    assert {finding.table for finding in star.findings} == orphaned


# The home of this folder has no daily marts and no catalogue; build/ misses those.
WRITTEN_BY_HAND = [
    table
    for table in VERIFIABLE
    if table
    not in (*DAILY, *CATALOGUE, BRONZE_CATALOGUE, "gold/bot_visitors_hourly", "gold/funnel_hourly")
]


@pytest.mark.parametrize("table", WRITTEN_BY_HAND)
def test_a_missing_table_is_found(settings: Settings, table: str) -> None:
    if table == "bronze/events":
        write_manifest(settings)
    shutil.rmtree(settings.lake / table)
    report = verify(settings)
    assert not report.ok
    assert table in {f.table for law in report.laws for f in law.findings}


def write_manifest(settings: Settings) -> None:
    settings.state.mkdir(exist_ok=True)
    with sqlite3.connect(settings.state / "manifest.sqlite") as manifest:
        manifest.execute("create table files (path, source, ingest_hour, sha8, status)")
        path, sha8 = FILE_A.split("@")
        row = (path, "shop_json", TEN, sha8, "committed")
        manifest.execute("insert into files values (?, ?, ?, ?, ?)", row)
    manifest.close()


def test_unknown_files_are_pending_and_removed_ones_archived(settings: Settings) -> None:
    (settings.landing / f"shop_json/{ELEVEN}/new.jsonl").write_bytes(b"{}\n")
    (settings.landing / f"shop_json/{ELEVEN}/part.tmp").write_bytes(b"{}\n")
    (settings.landing / FILE_B.split("@", maxsplit=1)[0]).unlink()
    report = verify(settings)
    assert (report.ok, report.pending_files, report.archived) == (True, 1, 4)


def test_lines_of_an_hour_never_built_are_pending(settings: Settings) -> None:
    line = tiny.E6.replace(b"11:30", b"09:30")
    tiny.write(settings, BRONZE_EVENTS, [tiny.bronze(("shop_json/x@0", 0), line, "2024-11-29T09")])
    report = verify(settings)
    assert (report.ok, report.pending, report.lines) == (True, 1, 12)


def test_an_hour_whose_bronze_moved_on_waits_for_its_rebuild(settings: Settings) -> None:
    line = tiny.E6.replace(b"e6", b"e8")
    tiny.write(settings, BRONZE_EVENTS, [tiny.bronze(("shop_json/x@0", 0), line, ELEVEN)])
    newer = tiny.state("bronze/events", ELEVEN, version=1, recorded_at=tiny.at("13:00:00"))
    own_hour = {"reach_from": TEN, "reach_to": TEN}
    tens = tiny.state("silver/events", TEN, **own_hour, recorded_at=tiny.at("13:00:00"))
    tiny.write(settings, HOUR_STATE, [newer, tens])
    report = verify(settings)
    assert (report.ok, report.pending) == (True, 1)
    assert "1 home hours wait for a rebuild of silver" in report.notes


def test_a_line_lost_from_a_built_hour_is_no_pending_line(settings: Settings) -> None:
    line = tiny.E6.replace(b"e6", b"e8")
    tiny.write(settings, BRONZE_EVENTS, [tiny.bronze(("shop_json/x@0", 0), line, ELEVEN)])
    [row] = findings(settings, "conservation", "bronze/events")
    assert row.key == {"source_file": "shop_json/x@0", "source_offset": 0}


def test_order_value_its_items_do_not_explain_stands_in_a_residual_row(tmp_path: Path) -> None:
    settings = read_settings(home=tmp_path)
    pieces = [tiny.item("p1", "10.00", quantity=2), tiny.item("p2", "3.00"), tiny.item("p3")]
    bought = tiny.event("x", "purchase", "11:03:00", (FILE_B, 0), user_id="u",
                        items=pieces, value=Decimal("25.00"), currency="USD")  # fmt: skip
    by_robot = tiny.event("y", "purchase", "11:04:00", (FILE_B, 1), visitor_id="r",
                          user_agent="HeadlessChrome", items=pieces[:1], value=Decimal("20.00"),
                          currency="USD")  # fmt: skip
    tiny.write(settings, SILVER_EVENTS, [bought, by_robot])
    parts = [("p1", 2, "20.00"), ("p2", 1, "3.00"), ("p3", 1, "0.00"), (None, 0, "2.00")]
    rows = [
        {**tiny.REVENUE[0], "item_category": None, "item_id": item_id, "units": units,
         "revenue": Decimal(revenue)}
        for item_id, units, revenue in parts
    ]  # fmt: skip
    both = tiny.in_both(rows)
    both[0] |= {"orders": 2, "units": 4, "revenue": Decimal("40.00")}  # all traffic's p1
    tiny.write(settings, REVENUE_5MIN, both)
    report = verify(settings, tables=["gold/revenue_5min"])
    assert [f for law in report.laws for f in law.findings] == []
    assert report.laws[0].checked == 8


def test_an_unknown_table_is_refused(settings: Settings) -> None:
    with pytest.raises(UnknownTableError, match="gold/nothing"):
        verify(settings, tables=["gold/nothing"])


Break = Callable[[Settings], object]


@pytest.mark.parametrize(
    ("spoil", "exit_code"),
    [
        (lambda settings: None, 0),
        (lambda settings: delta(settings, "silver/events").delete("event_id = 'e6'"), 1),
    ],
)
def test_the_command_prints_one_object_and_exits_by_the_verdict(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, spoil: Break, exit_code: int
) -> None:
    spoil(settings)
    monkeypatch.setenv("CLICKSTREAM_HOME", str(settings.home))
    result = CliRunner().invoke(verify_command, ["--json"])
    assert result.exit_code == exit_code
    report = json.loads(result.stdout)
    assert report["ok"] is (exit_code == 0)
    assert report["lines"] == 11
    assert "proving landing_to_bronze" in result.stderr
    table = CliRunner().invoke(verify_command, [])
    assert table.exit_code == exit_code
    assert "11 lines" in table.stdout


def test_the_proof_shares_no_code_with_the_pipeline_and_starts_no_jvm(good_home: Path) -> None:
    program = (
        "import sys\n"
        "from clickstream_platform.oracle.command import verify\n"
        "try:\n    verify(['--json'])\nexcept SystemExit as end:\n    assert end.code == 0\n"
        "heavy = {'pyspark', 'dagster', 'pandera'}\n"
        "names = ('settings', 'setting_groups', 'errors', 'hours')\n"
        "ours = {'clickstream_platform.' + name for name in names}\n"
        "shared = {m for m in sys.modules if m.startswith('clickstream_platform.')\n"
        "          and not m.startswith('clickstream_platform.oracle')} - ours\n"
        "assert not shared | (heavy & set(sys.modules)), shared | (heavy & set(sys.modules))\n"
    )
    environment = {"CLICKSTREAM_HOME": str(good_home), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment, capture_output=True, text=True, check=False,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
