"""Each line's verdict: accepted, duplicate or quarantined (docs/DEFINITIONS.md)."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, Window, WindowSpec
from pyspark.sql import functions as F

from clickstream_platform.tables.contract import Table
from clickstream_platform.tables.rules import failed_rules
from clickstream_platform.tables.silver import (
    RULES_VERSION,
    SILVER_DUPLICATES,
    SILVER_EVENTS,
    SILVER_QUARANTINE,
)
from clickstream_platform.transforms.fingerprint import UNIT
from clickstream_platform.transforms.rivals import IS_RIVAL, meets_rival, with_rivals

ACCEPTED, DUPLICATE, QUARANTINED = "accepted", "duplicate", "quarantined"


@dataclass(frozen=True)
class Spread:
    """How the lines are spread: over so many tasks, each hour in so many parts.

    One hour is split so that every core works on it; of many hours each stays in few files.
    """

    tasks: int
    parts: int

    @classmethod
    def over(cls, hour_count: int, *, cores: int) -> Spread:
        if hour_count >= 4 * cores:
            return cls(tasks=min(hour_count, 16 * cores), parts=1)
        return cls(tasks=2 * cores, parts=8 * cores)


def judge(lines: DataFrame, spread: Spread, *, meets_hour_before: bool = False) -> DataFrame:
    """The same rows with `verdict`, final `reasons`, the surviving line of a duplicate, and of the
    lines that share the row's id, counted afterwards: `accepted_of_id`, the accepted ones, and, of
    an accepted row, `reused_id_lines`, the collisions that come from its visitor.

    Every line of one id meets the others in one task, so that the verdict depends on the set of
    lines and not on their order. A rejected line competes with nobody: its address sets it apart.
    With `meets_hour_before` lines with a repaired clock also meet those of the hour before; `lines`
    must then hold that hour's lines too, which are judged without their own hour before.
    """
    ruled = lines.withColumn("event_hour", F.col("home_hour")).withColumn("reasons", _all_reasons())
    is_good = F.size("reasons") == 0
    address = F.concat_ws(UNIT, "source_file", "source_offset")
    part = F.pmod(F.xxhash64("id_scope", "event_id", "_apart"), F.lit(spread.parts))
    same_id = Window.partitionBy("event_hour", "_part", "id_scope", "event_id", "_apart")
    in_order = same_id.orderBy(
        "event_timestamp", "event_fingerprint", "source_file", "source_offset"
    )
    spread_out = (
        (with_rivals(ruled) if meets_hour_before else ruled)
        .withColumn("_good", is_good)
        .withColumn("_apart", F.when(~is_good, address))
        .withColumn("_part", part)
        .repartition(spread.tasks, "event_hour", "_part")
    )
    ranked = (
        (_losers_apart(spread_out, same_id) if meets_hour_before else spread_out)
        .withColumn("_place", F.row_number().over(in_order))
        .withColumn("winner_fingerprint", F.first("event_fingerprint").over(in_order))
        .withColumn("accepted_source_file", F.first("source_file").over(in_order))
        .withColumn("accepted_source_offset", F.first("source_offset").over(in_order))
        .withColumn("_winner", F.first("visitor_id").over(in_order))
    )
    is_reuse = F.array_contains("reasons", "event_id_collision") & F.col("_winner").eqNullSafe(
        F.col("visitor_id")
    )
    is_accepted = F.col("verdict") == ACCEPTED
    judged = (
        _with_verdict(ranked)
        .withColumn("accepted_of_id", F.count_if(is_accepted).over(same_id))
        .withColumn("reused_id_lines", F.when(is_accepted, F.count_if(is_reuse).over(same_id)))
    )
    if meets_hour_before:
        judged = judged.where(~F.col(IS_RIVAL))
    return judged.drop(
        *("_good", "_apart", "_part", "_place", "_winner", "is_clock_repaired", IS_RIVAL)
    )


def _losers_apart(rows: DataFrame, same_id: WindowSpec) -> DataFrame:
    """Lines that meet a rival compete with it and with one another only; the rival comes first,
    since it is of an earlier hour. So `_apart` sets them and the rivals apart from the others."""
    loses = meets_rival(F.max(IS_RIVAL).over(same_id))
    return rows.withColumn("_apart", F.when(loses, F.lit("rivals")).otherwise(F.col("_apart")))


def _with_verdict(ranked: DataFrame) -> DataFrame:
    is_copy = F.col("event_fingerprint") == F.col("winner_fingerprint")
    collided = F.col("_good") & (F.col("_place") > 1) & ~is_copy
    verdict = (
        F.when(~F.col("_good") | collided, F.lit(QUARANTINED))
        .when(F.col("_place") == 1, F.lit(ACCEPTED))
        .otherwise(F.lit(DUPLICATE))
    )
    reasons = F.when(collided, F.array(F.lit("event_id_collision"))).otherwise(F.col("reasons"))
    return (
        ranked.withColumn("verdict", verdict)
        .withColumn("reasons", reasons)
        .withColumn("winner_fingerprint", F.when(collided, F.col("winner_fingerprint")))
        .withColumn("event_date", F.to_date("event_timestamp"))
        .withColumn("hour_of_day", F.hour("event_timestamp"))
        .withColumn("is_weekend", F.dayofweek("event_timestamp").isin(1, 7))
    )


def beside(judged: DataFrame, accepted: DataFrame) -> DataFrame:
    """The verdicts that the judged lines have beside lines that were `accepted` before them.

    `accepted` has at most one row per hour, scope and id, with its address; it sorts before every
    judged line of that id, and these are all copies of it: another payload would change what the
    accepted row says of its id.
    Guarantees: the same rows as if all lines had been judged together.
    """
    keys = ["event_hour", "id_scope", "event_id"]
    before = accepted.select(
        *keys, F.col("source_file").alias("_file"), F.col("source_offset").alias("_offset")
    )
    meets = F.col("_file").isNotNull() & (F.col("verdict") != QUARANTINED)
    changes = {
        "verdict": F.lit(DUPLICATE),
        "accepted_source_file": F.col("_file"),
        "accepted_source_offset": F.col("_offset"),
        "accepted_of_id": F.lit(1).cast("bigint"),
        "reused_id_lines": F.lit(None).cast("bigint"),
    }
    joined = judged.join(F.broadcast(before), on=keys, how="left")
    return joined.select(
        *[
            F.when(meets, changes[name]).otherwise(F.col(name)).alias(name)
            if name in changes
            else F.col(name)
            for name in judged.columns
        ]
    )


def _all_reasons() -> Column:
    """The reasons of reading; to those of a readable line the contract adds its reject rules."""
    of_contract = failed_rules(SILVER_EVENTS, actions=("reject",))
    return F.when(F.col("is_readable"), F.concat("reasons", of_contract)).otherwise(
        F.col("reasons")
    )


def of_verdict(judged: DataFrame, table: Table, verdict: str) -> DataFrame:
    """The rows of one silver table, with its contract's columns."""
    rows = judged.where(F.col("verdict") == verdict)
    if table is SILVER_QUARANTINE:
        collided = F.array_contains("reasons", "event_id_collision")
        rows = rows.withColumns(
            {
                "event_fingerprint": F.when(collided, F.col("event_fingerprint")),
                "rules_version": F.lit(RULES_VERSION),
            }
        )
    return rows.select(
        *[F.col(spec.name).cast(spec.type).alias(spec.name) for spec in table.columns]
    )


VERDICTS = {
    SILVER_EVENTS.path: ACCEPTED,
    SILVER_DUPLICATES.path: DUPLICATE,
    SILVER_QUARANTINE.path: QUARANTINED,
}
