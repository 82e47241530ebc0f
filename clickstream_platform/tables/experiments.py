"""Gold about A/B tests: who saw which arm, and what came of it."""

from typing import Annotated

import pandera.pyspark as pa
from pyspark.sql import functions as F
from pyspark.sql import types as T

from clickstream_platform.tables import robots
from clickstream_platform.tables.contract import DAY_COLUMN, RowRule, Table, column

_EVENTS = "gold/fact_events."
_SEEN = "gold/experiment_exposures."
_ORDERS = "gold/fact_transactions."
_OWNER = "team:analytics"
_DELTA_RS = ("pyspark", "arrow", "deltalake", "gold")


class ExperimentExposures(pa.DataFrameModel):
    """Who saw which arm of which A/B test on a day."""

    event_day: T.StringType = column("UTC day.", of=(_EVENTS + "event_hour",))
    experiment_id: T.StringType = column("A/B test.", of=(_EVENTS + "experiment_id",))
    variant_id: T.StringType = column("Arm.", of=(_EVENTS + "variant_id",))
    visitor_id: T.StringType = column("Who.", of=(_EVENTS + "visitor_id",), pii="id")
    first_exposed_at: T.TimestampType = column(
        "First event of the day with test and arm.", of=(_EVENTS + "event_timestamp",)
    )
    is_bot: T.BooleanType = robots.is_bot()


EXPERIMENT_EXPOSURES = Table(
    layer="gold",
    name="experiment_exposures",
    model=ExperimentExposures,
    grain="one row per day, A/B test, arm and visitor that saw it",
    keys=("event_day", "experiment_id", "variant_id", "visitor_id"),
    partition_by=DAY_COLUMN,
    writer="deltalake",
    owner=_OWNER,
    inputs=("gold/fact_events", robots.BOTS),
    reach="day",
    kinds=_DELTA_RS,
    hourly=False,
)


class ExperimentResults(pa.DataFrameModel):
    """How each arm converts, against the control."""

    traffic: T.StringType = robots.traffic_of_all_days()
    experiment_id: T.StringType = column("A/B test.", of=(_SEEN + "experiment_id",))
    variant_id: T.StringType = column("Arm.", of=(_SEEN + "variant_id",))
    is_control: T.BooleanType = column(
        "The arm `control` if there is one, else the alphabetically first.",
        of=(_SEEN + "variant_id",),
    )
    exposures: T.LongType = column(
        "Visitors that saw this arm and no other.", of=(_SEEN + "visitor_id",), ge=1
    )
    conversions: T.LongType = column(
        "Of these, with an order in the 7 days from their first exposure.",
        of=(_ORDERS + "visitor_id",),
        ge=0,
    )
    revenue: Annotated[T.DecimalType, 22, 2] = column(
        "Value of these orders in the reporting currency or without one.",
        of=(_ORDERS + "value",),
        unit="currency",
        ge=0,
    )
    mixed_visitors: T.LongType = column(
        "Visitors that saw several arms of the test and are left out.",
        of=(_SEEN + "visitor_id",),
        ge=0,
    )
    conversion_rate: T.DoubleType = column(
        "conversions / exposures.", of=(_ORDERS + "visitor_id",), ge=0.0, le=1.0
    )
    lift: T.DoubleType = column(
        "conversion_rate / the control's - 1; null for the control.",
        nullable=True,
        of=(_ORDERS + "visitor_id",),
    )
    z_score: T.DoubleType = column(
        "Two-proportion z-test against the control, pooled; null for the control.",
        nullable=True,
        of=(_ORDERS + "visitor_id",),
    )
    p_value: T.DoubleType = column(
        "Two-sided, exact to 2 x 10^-7.",
        nullable=True,
        of=(_ORDERS + "visitor_id",),
        ge=0.0,
        le=1.0,
    )
    rate_difference: T.DoubleType = column(
        "conversion_rate - the control's; null for the control.",
        nullable=True,
        of=(_ORDERS + "visitor_id",),
    )
    rate_ci_low: T.DoubleType = column(
        "Lower end of its 95 % confidence interval.", nullable=True, of=(_ORDERS + "visitor_id",)
    )
    rate_ci_high: T.DoubleType = column(
        "Upper end of it.", nullable=True, of=(_ORDERS + "visitor_id",)
    )
    srm_p_value: T.DoubleType = column(
        "Sample-ratio mismatch: the chance of arms as uneven as the test's, if they are meant to "
        "be of one size; below 0.001 the test is not to be trusted. Null with one arm.",
        nullable=True,
        of=(_SEEN + "visitor_id",),
        ge=0.0,
        le=1.0,
    )
    revenue_per_visitor: T.DoubleType = column(
        "revenue / exposures.", of=(_ORDERS + "value",), unit="currency", ge=0.0
    )
    cuped_theta: T.DoubleType = column(
        "How much of a visitor's revenue in the 28 days before is expected again.",
        of=(_ORDERS + "value",),
    )
    cuped_revenue_per_visitor: T.DoubleType = column(
        "revenue_per_visitor as if all arms had had the same revenue before.",
        of=(_ORDERS + "value",),
        unit="currency",
    )
    cuped_difference: T.DoubleType = column(
        "That minus the control's; null for the control.",
        nullable=True,
        of=(_ORDERS + "value",),
        unit="currency",
    )
    cuped_ci_low: T.DoubleType = column(
        "Lower end of its 95 % confidence interval.",
        nullable=True,
        of=(_ORDERS + "value",),
        unit="currency",
    )
    cuped_ci_high: T.DoubleType = column(
        "Upper end of it.", nullable=True, of=(_ORDERS + "value",), unit="currency"
    )
    cuped_p_value: T.DoubleType = column(
        "Two-sided, of cuped_difference.",
        nullable=True,
        of=(_ORDERS + "value",),
        ge=0.0,
        le=1.0,
    )


EXPERIMENT_RESULTS = Table(
    layer="gold",
    name="experiment_results",
    model=ExperimentResults,
    grain="one row per kind of traffic, A/B test and arm",
    keys=("traffic", "experiment_id", "variant_id"),
    partition_by=None,
    writer="deltalake",
    owner=_OWNER,
    inputs=("gold/experiment_exposures", "gold/fact_transactions", robots.BOTS),
    reach="all",
    row_rules=(
        RowRule(
            "conversions_within_exposures",
            lambda: F.col("conversions") <= F.col("exposures"),
            "only who was exposed converts",
        ),
    ),
    kinds=_DELTA_RS,
    hourly=False,
)
