"""What daily marts read."""

from pyspark.sql import SparkSession

from clickstream_platform.build.facts import with_all_columns
from clickstream_platform.tables.activity import SESSION_PRODUCTS


def test_a_table_never_written_since_it_got_a_column_has_it_as_null(spark: SparkSession) -> None:
    before = spark.createDataFrame([("s", ["A"], [])], "session_id string, viewed array<string>, "
                                   "ordered array<string>")  # fmt: skip
    after = with_all_columns(before, SESSION_PRODUCTS)
    assert set(after.columns) == set(SESSION_PRODUCTS.column_names)
    [row] = after.collect()
    assert (row["session_id"], row["is_bot"]) == ("s", None)
