"""The named funnels by day (docs/DEFINITIONS.md, Days)."""

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from clickstream_platform.tables.funnels import FUNNELS_DAILY
from clickstream_platform.transforms.customers import customer_id
from clickstream_platform.transforms.funnel_steps import PER_S, moments_by_mode
from clickstream_platform.transforms.sessions import typed

Funnels = Sequence[tuple[str, Sequence[str]]]  # name, steps
_ORDER = ("us", "event_id", "id_scope")
_GROUP = ("event_day", "traffic", "unit", "funnel", "mode")


def funnels_daily(
    sessions: DataFrame,
    events: DataFrame,
    bots: DataFrame,
    *,
    days: Sequence[str],
    funnels: Funnels,
) -> DataFrame:
    """One row per day of `days`, kind of traffic, unit, funnel, mode and step.

    `events` holds those of the days and of all sessions that started there; `bots` has a row per
    day and visitor that is a robot.
    """
    steps = {step for _, of_funnel in funnels for step in of_funnel}
    did = events.where(F.col("event_name").isin([*steps])).withColumn(
        "us", F.unix_micros("event_timestamp")
    )
    wanted = F.col("event_day").isin([*days])
    started = sessions.where(wanted).select("event_day", "session_id", "visitor_id")
    of_session = did.drop("event_day", "visitor_id").join(started, on="session_id", how="inner")
    of_user = did.where(wanted).withColumn("customer_id", customer_id())
    walks = _walks(of_session, bots, "session", "session_id").unionByName(
        _walks(of_user, bots, "user", "customer_id")
    )
    of_funnels = walks.select("event_day", "traffic", "unit", F.inline(_own_steps(funnels)))
    longest = max(len(steps) for _, steps in funnels)
    reached = of_funnels.select("*", F.inline(moments_by_mode(F.col("walk"), longest)))
    return typed(_counted(reached, funnels), FUNNELS_DAILY)


def _walks(did: DataFrame, bots: DataFrame, unit: str, key: str) -> DataFrame:
    """One row per day, kind of traffic and unit, with the events it `did`, in order."""
    robots = F.broadcast(bots.withColumn("is_bot", F.lit(True)))
    traffics = F.when(F.col("is_bot"), F.array(F.lit("all"))).otherwise(
        F.array(F.lit("all"), F.lit("human"))
    )
    return (
        did.where(F.col(key).isNotNull())
        .join(robots, on=["event_day", "visitor_id"], how="left")
        .withColumn("traffic", F.explode(traffics))
        .groupBy("event_day", "traffic", F.lit(unit).alias("unit"), F.col(key).alias("unit_id"))
        .agg(F.sort_array(F.collect_list(F.struct(*_ORDER, "event_name"))).alias("did"))
    )


def _own_steps(funnels: Funnels) -> Column:
    """Structs of `funnel` and `walk`: the events that are its steps, each by the step's number."""

    def walk(steps: Sequence[str]) -> Column:
        own = F.filter("did", lambda event: event["event_name"].isin([*steps]))
        return F.transform(
            own,
            lambda event: F.struct(
                F.array_position(_texts(steps), event["event_name"]).cast("int").alias("no"),
                event["us"].alias("us"),
            ),
        )

    return F.array(
        *[
            F.struct(F.lit(name).alias("funnel"), walk(steps).alias("walk"))
            for name, steps in funnels
        ]
    )


def _counted(reached: DataFrame, funnels: Funnels) -> DataFrame:
    """The rows of the table; steps that nobody reached have one too."""
    times, no = F.col("times"), F.col("no")
    steps = F.create_map(
        *[part for name, of_funnel in funnels for part in (F.lit(name), _texts(of_funnel))]
    )
    by_step = (
        reached.select(*_GROUP, "times", F.posexplode_outer("times").alias("no", "us"))
        .groupBy(*_GROUP, "no")
        .agg(
            F.count("us").alias("units"),
            *_times(F.col("us") - F.get(times, no - 1), F.col("us") - F.get(times, F.lit(0))),
        )
    )
    measures = ("units", "mean_step_s", "median_step_s", "median_total_s")
    whole = by_step.groupBy(*_GROUP).agg(
        F.map_from_entries(
            F.collect_list(F.when(no.isNotNull(), F.struct(no, F.struct(*measures))))
        ).alias("of_step")
    )
    return whole.select(*_GROUP, F.inline(F.transform(steps[F.col("funnel")], _row)))


def _times(since_before: Column, since_first: Column) -> list[Column]:
    """Exact sums: whole microseconds stay below 2^53. The first step has none."""
    after_first = F.col("no") > 0
    step, total = F.when(after_first, since_before), F.when(after_first, since_first)
    return [
        (F.mean(step) / F.lit(PER_S)).alias("mean_step_s"),
        (F.median(step) / F.lit(PER_S)).alias("median_step_s"),
        (F.median(total) / F.lit(PER_S)).alias("median_total_s"),
    ]


def _row(step: Column, at: Column) -> Column:
    found, nobody = F.col("of_step"), F.lit(0).cast("bigint")

    def units(place: Column) -> Column:
        return F.coalesce(F.try_element_at(found, place)["units"], nobody)

    mine = F.try_element_at(found, at)
    return F.struct(
        (at + 1).cast("bigint").alias("step_no"),
        step.alias("step"),
        units(at).alias("units"),
        F.when(at > 0, F.try_divide(units(at), units(at - 1))).alias("step_rate"),
        F.try_divide(units(at), units(F.lit(0))).alias("overall_rate"),
        *[mine[name].alias(name) for name in ("mean_step_s", "median_step_s", "median_total_s")],
    )


def _texts(texts: Sequence[str]) -> Column:
    return F.array(*[F.lit(text) for text in texts])
