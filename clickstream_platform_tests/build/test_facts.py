"""What daily marts read."""

from collections.abc import Callable
from pathlib import Path

from pyspark.sql import SparkSession

from clickstream_platform.build.facts import Facts, with_all_columns
from clickstream_platform.build.workspace import Workspace
from clickstream_platform.tables.activity import SESSION_PRODUCTS
from clickstream_platform.tables.daily import FACT_DAILY_METRICS, JOURNEY_PATHS
from clickstream_platform.tables.facts import FACT_SESSIONS
from clickstream_platform_tests.homes import bring_up, json_line, land


def test_rows_older_than_a_column_have_there_what_the_contract_says_or_null(
    spark: SparkSession,
) -> None:
    old = spark.createDataFrame([("s", ["A"])], "session_id string, ordered array<string>")
    found = with_all_columns(old, SESSION_PRODUCTS)
    types = {field.name: field.dataType for field in found.schema}
    assert types == {spec.name: spec.type for spec in SESSION_PRODUCTS.columns}
    [row] = found.collect()
    assert (row["session_id"], row["ordered"]) == ("s", ["A"])
    assert (row["is_bot"], row["viewed"]) == (False, None)


def test_beside_newer_rows_too(spark: SparkSession) -> None:
    """Delta reads a null where a file is older than the column."""
    mixed = spark.createDataFrame(
        [("old", None), ("new", True)], "session_id string, is_bot boolean"
    )
    found = with_all_columns(mixed, SESSION_PRODUCTS).collect()
    assert {row["session_id"]: row["is_bot"] for row in found} == {"old": False, "new": True}


def test_what_a_killed_build_left_in_the_engine_is_not_taken_for_the_table(
    new_workspace: Callable[..., Workspace], tmp_path: Path
) -> None:
    """The engine keeps what a session has cached when its process is gone, and gives it to all."""
    workspace = new_workspace(tmp_path)
    of_day = dict.fromkeys((FACT_DAILY_METRICS, JOURNEY_PATHS), ("2024-11-29",))

    def come(number: int) -> None:
        line = json_line(
            event_id=f"e{number}",
            user_id=f"u{number}",
            event_type="page_view",
            timestamp="2024-11-29T10:00:00Z",
        )
        land(workspace, "shop_json", "2024-11-29T10", f"{number}.json", line + b"\n")
        bring_up(workspace)

    come(1)
    left = Facts(workspace, of_day)  # nobody closes it
    assert left.of(FACT_SESSIONS).count() == 1
    come(2)
    found = Facts(workspace, of_day)
    try:
        assert found.of(FACT_SESSIONS).count() == 2
    finally:
        found.close()
        left.close()
