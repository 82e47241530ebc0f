"""The p-value of a z-score, against the error function of Python's library."""

import math

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from clickstream_platform.transforms.experiments import p_value


def test_a_p_value_is_exact_to_seven_digits_and_null_without_a_score(spark: SparkSession) -> None:
    scores = [0.0, 0.5, -1.96, 1.96, 4.0, None]
    rows = spark.createDataFrame([(score,) for score in scores], "z double")
    found = rows.select(p_value(F.col("z")).alias("p")).toArrow()["p"].to_pylist()
    expected = [None if z is None else math.erfc(abs(z) / math.sqrt(2)) for z in scores]
    assert found == pytest.approx(expected, abs=2e-7)
