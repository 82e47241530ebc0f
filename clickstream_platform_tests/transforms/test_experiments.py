"""A/B tests: p-values against independent mathematics, and a thousand A/A tests."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from clickstream_platform.transforms.experiments import (
    chi_square_p_value,
    judged_arms,
    p_value,
)

ARM = (
    "traffic string, experiment_id string, variant_id string, mixed_visitors bigint, "
    "exposures bigint, conversions bigint, revenue decimal(22,2), y decimal(18,0), "
    "x decimal(18,0), yy decimal(28,0), xx decimal(28,0), xy decimal(28,0)"
)
TESTS, VISITORS = 1000, 4000
ALLOWED = 0.014  # of 5 %: two standard deviations of a thousand tests


def test_a_p_value_is_exact_to_seven_digits_and_null_without_a_score(spark: SparkSession) -> None:
    scores = [0.0, 0.5, -1.96, 1.96, 4.0, None]
    rows = spark.createDataFrame([(score,) for score in scores], "z double")
    found = rows.select(p_value(F.col("z")).alias("p")).toArrow()["p"].to_pylist()
    expected = [None if z is None else math.erfc(abs(z) / math.sqrt(2)) for z in scores]
    assert found == pytest.approx(expected, abs=2e-7)


def test_a_chi_square_has_the_tail_of_its_density(spark: SparkSession) -> None:
    asked = [(x, k) for k in (1, 2, 3, 4, 5, 8, 11) for x in (0.1, 1.0, 5.0, 20.0)]
    rows = spark.createDataFrame(asked, "x double, k bigint")
    found = rows.select(chi_square_p_value(F.col("x"), F.col("k")).alias("p")).toArrow()["p"]
    assert found.to_pylist() == pytest.approx([tail(x, k) for x, k in asked], abs=1e-5)


def tail(x: float, k: int) -> float:
    """By Simpson's rule over the square roots, where the density is smooth."""
    at = np.linspace(math.sqrt(x), 15, 20_001)
    density = at ** (k - 1) * np.exp(-(at**2) / 2) / (2 ** (k / 2 - 1) * math.gamma(k / 2))
    step = at[1] - at[0]
    inner = 4 * density[1:-1:2].sum() + 2 * density[2:-1:2].sum()
    return float(step / 3 * (density[0] + inner + density[-1]))


def visitors_of(dice: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Cents before and after: who bought before is likelier to buy again."""
    taste = dice.random(count)
    before = np.where(dice.random(count) < taste * 0.4, dice.integers(500, 9000, count), 0)
    after = np.where(dice.random(count) < taste * 0.2, dice.integers(500, 9000, count), 0)
    return before, after + before // 2


def arm(test: int, name: str, x: np.ndarray, y: np.ndarray) -> tuple[Any, ...]:
    sums = (y.sum(), x.sum(), (y * y).sum(), (x * x).sum(), (x * y).sum())
    revenue = Decimal(int(y.sum())) / 100
    counted = (0, len(x), int((y > 0).sum()), revenue)
    return ("all", f"t{test}", name, *counted, *(Decimal(int(value)) for value in sums))


def test_a_thousand_tests_of_nothing_find_something_in_five_percent(spark: SparkSession) -> None:
    dice = np.random.default_rng(20241129)
    arms, samples = [], []
    for test in range(TESTS):
        here = int(dice.binomial(VISITORS, 0.5))
        pair = [visitors_of(dice, count) for count in (here, VISITORS - here)]
        arms += [
            arm(test, name, *both) for name, both in zip(("control", "new"), pair, strict=True)
        ]
        if test < 20:
            samples.append(pair)
    rows = judged_arms(spark.createDataFrame(arms, ARM)).toArrow().to_pylist()
    judged = {row["experiment_id"]: row for row in rows if not row["is_control"]}
    assert len(judged) == TESTS
    found = {
        name: sum(row[name] < 0.05 for row in judged.values()) / TESTS
        for name in ("p_value", "cuped_p_value", "srm_p_value")
    }
    outside = {
        ends: sum(not row[f"{ends}_low"] <= 0 <= row[f"{ends}_high"] for row in judged.values())
        / TESTS
        for ends in ("rate_ci", "cuped_ci")
    }
    assert {**found, **outside} == pytest.approx(dict.fromkeys((*found, *outside), 0.05),
                                                 abs=ALLOWED)  # fmt: skip
    for test, pair in enumerate(samples):
        assert_adjusted(judged[f"t{test}"], *pair)


def assert_adjusted(
    row: dict[str, Any],
    control: tuple[np.ndarray, np.ndarray],
    new: tuple[np.ndarray, np.ndarray],
) -> None:
    """CUPED from its definition: each visitor's revenue less what their past foretold."""
    x, y = (np.concatenate(both) / 100 for both in zip(control, new, strict=True))
    theta = np.cov(x, y)[0, 1] / np.var(x, ddof=1)
    adjusted = y - theta * (x - x.mean())
    there, here = adjusted[: len(control[0])], adjusted[len(control[0]) :]
    gain = here.mean() - there.mean()
    error = math.sqrt(np.var(here, ddof=1) / len(here) + np.var(there, ddof=1) / len(there))
    raw = math.sqrt(sum(np.var(arm[1] / 100, ddof=1) / len(arm[1]) for arm in (control, new)))
    assert row["cuped_theta"] == pytest.approx(theta)
    assert row["cuped_difference"] == pytest.approx(gain)
    assert row["cuped_ci_high"] - row["cuped_ci_low"] == pytest.approx(2 * 1.959964 * error)
    assert error < 0.9 * raw, "the past explains much of the spread"


def test_uneven_arms_and_real_effects_are_seen(spark: SparkSession) -> None:
    dice = np.random.default_rng(3)
    uneven = [visitors_of(dice, 2200), visitors_of(dice, 1800)]
    before, after = visitors_of(dice, 2000)
    better = [(before, after), (before, np.where(after > 0, after + 2000, 0))]
    alone = [visitors_of(dice, 10)]
    arms = [
        arm(test, name, *both)
        for test, pair in enumerate((uneven, better, alone))
        for name, both in zip(("a", "b"), pair, strict=False)
    ]
    rows = {
        (row["experiment_id"], row["variant_id"]): row
        for row in judged_arms(spark.createDataFrame(arms, ARM)).toArrow().to_pylist()
    }
    assert rows["t0", "b"]["srm_p_value"] < 1e-6
    assert rows["t1", "b"]["srm_p_value"] == pytest.approx(1.0)
    assert rows["t1", "b"]["cuped_p_value"] < 0.001 < rows["t1", "b"]["p_value"]
    assert rows["t1", "b"]["cuped_ci_low"] > 0
    lonely = rows["t2", "a"]
    assert lonely["is_control"] and lonely["srm_p_value"] is None
    assert lonely["cuped_p_value"] is None and lonely["rate_ci_low"] is None
