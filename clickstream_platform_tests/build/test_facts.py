"""What daily marts read."""

from pyspark.sql import SparkSession

from clickstream_platform.build.facts import with_all_columns
from clickstream_platform.tables.activity import SESSION_PRODUCTS


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
