"""Gold of the bare job: one cached pass over silver, tables in parallel, small ones by delta-rs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from deltalake import write_deltalake
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from benchmarks import spark_work
from benchmarks.bare_funnels import both_kinds, funnel_10min, funnel_hourly

IDLE_S, CAP_S, REPEAT_S = 1800, 86_400, 30 * 86_400
CURRENCY = "USD"
ORDER = ("event_timestamp", "event_id", "id_scope")
EVENT = ("id_scope", "event_id", "event_hour")
CHECKOUT = ("begin_checkout", "add_shipping_info", "add_payment_info", "purchase")
FIRSTS = (
    "device_category", "channel_group", "mkt_source", "mkt_medium", "mkt_campaign", "refr_source",
    "browser_name", "os_name",
)  # fmt: skip
FACT = (
    "event_id", "id_scope", "event_name", "event_timestamp", "event_hour", "event_date",
    "hour_of_day", "is_weekend", "visitor_id", "user_id", "client_session_id", "session_id",
    "event_sequence", "page_location", "page_referrer", "items", "value", "currency",
    "transaction_id", "experiment_id", "variant_id", "is_high_value", "device_category",
    "is_declared_bot", "channel_group", "mkt_source", "mkt_medium", "mkt_campaign", "refr_source",
)  # fmt: skip
READ = (
    *(name for name in FACT if name not in ("session_id", "event_sequence")),
    "user_agent", "browser_name", "os_name", "reused_id_lines",
)  # fmt: skip
MONEY, LONG, PER_S = "decimal(22,2)", "bigint", 1_000_000.0
ENGAGED_GAP_US = 60_000_000


def tables(silver: DataFrame) -> dict[str, DataFrame]:
    """Every gold table by name, from silver's `READ` columns; three of its frames are cached."""
    bought = with_orders(silver.where(F.col("event_name") == "purchase")).persist()
    orders = bought.where("is_order")
    keys = orders.select("event_hour", "event_id", "is_order")
    events = (
        with_sessions(silver)
        .join(F.broadcast(keys), on=["event_hour", "event_id"], how="left")
        .withColumn("is_order", F.coalesce("is_order", F.lit(False)))
        .persist()
    )
    placed = fact_transactions(orders)
    bots = bot_visitors(events).persist()
    robots = bots.where("is_bot").select("event_hour", "visitor_id")
    return {
        "fact_events": events.select(*FACT),
        "fact_sessions": fact_sessions(events),
        "fact_transactions": placed,
        "transaction_conflicts": conflicts(bought),
        "revenue_5min": revenue_5min(placed, robots),
        "funnel_10min": funnel_10min(events, robots),
        "funnel_hourly": funnel_hourly(events, robots),
        "hourly_metrics": hourly_metrics(events, robots),
        "bot_visitors_hourly": bots,
    }


def build(silver: DataFrame, out: Path, *, besides: Sequence[Callable[[], None]] = ()) -> None:
    """Writes every gold table of silver's `READ` columns, and does `besides`, all at once."""
    small = tables(silver)
    events = small.pop("fact_events")

    def fact_events() -> None:
        spark_work.call_jobs(events.sparkSession, "gold/fact_events")
        cores = events.sparkSession.sparkContext.defaultParallelism
        rows = events.repartition(8 * cores, "event_hour").write.format("delta")
        stats = {"delta.dataSkippingStatsColumns": "event_timestamp,visitor_id,event_name"}
        rows.options(**stats).partitionBy("event_hour").save(str(out / "gold/fact_events"))

    def store(name: str) -> Callable[[], None]:
        def task() -> None:
            spark_work.call_jobs(silver.sparkSession, f"gold/{name}")
            path = str(out / "gold" / name)
            write_deltalake(path, small[name].toArrow(), partition_by=["event_hour"])

        return task

    at_once([*besides, fact_events, *[store(name) for name in small]])


def at_once(tasks: Sequence[Callable[[], None]]) -> None:
    with ThreadPoolExecutor(len(tasks)) as pool:
        for future in [pool.submit(task) for task in tasks]:
            future.result()


def with_orders(purchases: DataFrame) -> DataFrame:
    customer = F.coalesce("user_id", "visitor_id", F.lit(""))
    key = F.coalesce(
        F.concat_ws("\x1f", F.lit("order"), F.nullif(F.col("transaction_id"), F.lit("")), customer),
        F.col("event_id"),
    )
    own = F.concat_ws("\x1f", *EVENT)
    key = F.when(F.col("transaction_id").isNull(), own).otherwise(key)
    same = Window.partitionBy("_key").orderBy(*ORDER)
    gap = F.unix_micros("event_timestamp") - F.unix_micros(F.lag("event_timestamp").over(same))
    opening = F.struct("event_id", "event_timestamp", "event_hour", "value", "currency")
    so_far = same.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    return (
        purchases.withColumn("_key", key)
        .withColumn("is_order", ~F.coalesce(gap <= REPEAT_S * 1_000_000, F.lit(False)))
        .withColumn("_first", F.last(F.when(F.col("is_order"), opening), True).over(so_far))
    )


def with_sessions(events: DataFrame) -> DataFrame:
    """One sort by visitor; chains by gaps, cut every day from the chain's start."""
    who = F.coalesce("visitor_id", F.concat(F.lit("\0"), "event_id"))
    of = Window.partitionBy("_who").orderBy(*ORDER)
    so_far = of.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    at = F.unix_micros("event_timestamp")
    gap = at - F.lag(at).over(of)
    chained = (
        events.withColumn("_who", who)
        .withColumn("_gap", gap)
        .withColumn("_begins", F.col("_gap").isNull() | (F.col("_gap") > IDLE_S * 1_000_000))
        .withColumn("_start", F.max(F.when(F.col("_begins"), at)).over(so_far))
        .withColumn("_cut", F.floor((at - F.col("_start")) / F.lit(CAP_S * 1_000_000.0)))
    )
    opens = F.col("_begins") | (F.col("_cut") != F.lag("_cut").over(of))
    marked = chained.withColumn("_opens", opens).withColumn(
        "_opening",
        F.last(F.when(F.col("_opens"), F.struct(*EVENT)), True).over(so_far),
    )
    of_session = Window.partitionBy("_who", "_opening").orderBy(*ORDER)
    made = F.md5(F.concat_ws("\x1f", "visitor_id", *(f"_opening.{name}" for name in EVENT)))
    known = F.col("visitor_id").isNotNull()
    return (
        marked.withColumn("session_id", F.when(known, made))
        .withColumn("event_sequence", F.when(known, F.row_number().over(of_session).cast(LONG)))
        .withColumn("within_us", F.when(known & ~F.col("_opens"), F.col("_gap")))
        .drop("_who", "_begins", "_start", "_cut", "_opening", "_opens", "_gap")
    )


def count_of(name: str) -> Column:
    return F.count_if(F.col("event_name") == name)


def fact_sessions(events: DataFrame) -> DataFrame:
    in_order = F.struct(*ORDER)
    page = F.col("page_location")
    client = F.col("client_session_id")

    def distinct_viewed(field: str) -> Column:
        seen = F.when(F.col("event_name") == "view_item", F.col(f"items.{field}"))
        found = F.array_distinct(F.flatten(F.collect_list(seen)))
        return F.size(F.array_compact(found)).cast(LONG)

    made = (
        events.where(F.col("session_id").isNotNull())
        .groupBy("session_id", "visitor_id")
        .agg(
            F.max_by("user_id", F.when(F.col("user_id").isNotNull(), in_order)).alias("user_id"),
            F.min("event_hour").alias("event_hour"),
            F.min("event_timestamp").alias("started_at"),
            F.max("event_timestamp").alias("ended_at"),
            F.count(F.lit(1)).alias("event_count"),
            count_of("page_view").alias("page_views"),
            F.size(F.collect_set(F.when(F.col("event_name") == "page_view", page)))
            .cast(LONG)
            .alias("unique_page_views"),
            count_of("view_item").alias("view_items"),
            count_of("add_to_cart").alias("add_to_carts"),
            count_of("begin_checkout").alias("begin_checkouts"),
            F.count_if("is_order").alias("purchases"),
            F.coalesce(F.sum(F.when(F.col("is_order"), F.col("value"))), F.lit(0))
            .cast(MONEY)
            .alias("transaction_revenue"),
            distinct_viewed("item_id").alias("products_viewed"),
            distinct_viewed("item_category").alias("categories_viewed"),
            F.coalesce(
                F.sum(
                    F.when(F.col("within_us") > ENGAGED_GAP_US, ENGAGED_GAP_US).otherwise(
                        F.col("within_us")
                    )
                ),
                F.lit(0),
            ).alias("_engaged_us"),
            F.min_by("event_name", F.when(F.col("event_name").isin(*CHECKOUT), in_order)).alias(
                "entered_checkout_at_step"
            ),
            F.min_by(client, F.when(client.isNotNull(), in_order)).alias("client_session_id"),
            F.size(F.collect_set(client)).cast(LONG).alias("client_sessions"),
            F.min_by(page, F.when(page.isNotNull(), in_order)).alias("landing_page"),
            F.max_by(page, F.when(page.isNotNull(), in_order)).alias("exit_page"),
            F.min_by(F.struct(*FIRSTS), in_order).alias("_first"),
        )
    )
    lasted = (F.unix_micros("ended_at") - F.unix_micros("started_at")) / F.lit(PER_S)
    engaged = (
        (F.col("duration_s") > 10)
        | (F.col("page_views") + F.col("view_items") >= 2)
        | (F.col("purchases") > 0)
    )
    return (
        made.withColumn("duration_s", lasted)
        .withColumn("engaged_time_s", F.col("_engaged_us") / F.lit(PER_S))
        .withColumn("is_engaged", engaged)
        .select("*", *[F.col(f"_first.{name}").alias(name) for name in FIRSTS])
        .drop("_first", "_engaged_us")
    )


def fact_transactions(orders: DataFrame) -> DataFrame:
    units = F.aggregate(
        "items",
        F.lit(0).cast(LONG),
        lambda total, item: total + F.coalesce(item["quantity"], F.lit(1).cast(LONG)),
    )
    return orders.select(
        F.md5(F.concat_ws("\x1f", *EVENT)).alias("order_id"),
        "transaction_id", "id_scope", "event_id", F.col("event_timestamp").alias("ordered_at"),
        "event_hour", "visitor_id", "user_id", "value", "currency",
        F.size("items").cast(LONG).alias("item_count"), units.alias("units"), "items",
        "is_high_value",
    )  # fmt: skip


def conflicts(bought: DataFrame) -> DataFrame:
    first = F.col("_first")
    agrees = F.col("value").eqNullSafe(first["value"]) & F.col("currency").eqNullSafe(
        first["currency"]
    )
    return bought.where(~F.col("is_order") & ~agrees).select(
        "event_hour", "id_scope", "event_id", F.col("event_timestamp").alias("repeated_at"),
        "value", "currency",
        F.md5(F.concat_ws("\x1f", "id_scope", first["event_id"], first["event_hour"])).alias(
            "order_id"
        ),
        "transaction_id", "visitor_id", "user_id",
        first["event_timestamp"].alias("ordered_at"), first["event_hour"].alias("order_hour"),
        first["value"].alias("order_value"), first["currency"].alias("order_currency"),
    )  # fmt: skip


def revenue_5min(orders: DataFrame, robots: DataFrame) -> DataFrame:
    zero = F.lit(0).cast("decimal(12,2)")

    def worth(item: Column) -> Column:
        count = F.coalesce(item["quantity"], F.lit(1).cast(LONG)).cast("decimal(10,0)")
        return (F.coalesce(item["price"], zero) * count).cast(MONEY)

    explained = F.aggregate(
        "items", F.lit(0).cast(MONEY), lambda total, i: (total + worth(i)).cast(MONEY)
    )
    part = F.transform(
        "items",
        lambda i: F.struct(
            i["item_category"].alias("item_category"),
            i["item_id"].alias("item_id"),
            F.coalesce(i["quantity"], F.lit(1).cast(LONG)).alias("units"),
            worth(i).alias("revenue"),
        ),
    )
    rest = F.struct(
        F.lit(None).cast("string").alias("item_category"),
        F.lit(None).cast("string").alias("item_id"),
        F.lit(0).cast(LONG).alias("units"),
        (F.col("value") - explained).cast(MONEY).alias("revenue"),
    )
    parts = F.when(rest["revenue"] == 0, part).otherwise(F.concat(part, F.array(rest)))
    return (
        both_kinds(orders, robots)
        .select(
            "event_hour", "traffic", "order_id", "currency",
            F.window("ordered_at", "5 minutes").alias("w"), F.inline(parts),
        )
        .groupBy("event_hour", "w", "traffic", "currency", "item_category", "item_id")
        .agg(
            F.count_distinct("order_id").alias("orders"),
            F.sum("units").alias("units"),
            F.sum("revenue").cast(MONEY).alias("revenue"),
        )
        .select("*", F.col("w.start").alias("window_start"), F.col("w.end").alias("window_end"))
        .drop("w")
    )  # fmt: skip


def hourly_metrics(events: DataFrame, robots: DataFrame) -> DataFrame:
    ours = F.coalesce(F.col("currency") == CURRENCY, F.lit(True))
    placed = F.col("is_order")
    sums = (
        "events", "page_views", "view_items", "add_to_carts", "sessions_started", "orders",
        "revenue", "orders_other_currency",
    )  # fmt: skip
    people = events.groupBy("event_hour", "visitor_id", "user_id").agg(
        F.count(F.lit(1)).alias("events"),
        count_of("page_view").alias("page_views"),
        count_of("view_item").alias("view_items"),
        count_of("add_to_cart").alias("add_to_carts"),
        F.count_if(F.col("event_sequence") == 1).alias("sessions_started"),
        F.count_if(placed).alias("orders"),
        F.coalesce(F.sum(F.when(placed & ours, F.col("value"))), F.lit(0))
        .cast(MONEY)
        .alias("revenue"),
        F.count_if(placed & ~ours).alias("orders_other_currency"),
    )
    return (
        both_kinds(people, robots)
        .groupBy("event_hour", "traffic")
        .agg(
            *[F.sum(name).cast(MONEY if name == "revenue" else LONG).alias(name) for name in sums],
            F.count_distinct("visitor_id").alias("visitors"),
            F.count_distinct("user_id").alias("users"),
        )
        .withColumn("hour_start", F.to_timestamp(F.concat("event_hour", F.lit(":00:00Z"))))
    )


def bot_visitors(events: DataFrame) -> DataFrame:
    at = F.unix_micros("event_timestamp")
    headless = F.lower("user_agent").rlike("headless|phantomjs|selenium|puppeteer|playwright")
    visitors = (
        events.where(F.col("visitor_id").isNotNull())
        .groupBy("event_hour", "visitor_id", F.date_trunc("minute", "event_timestamp"))
        .agg(
            F.count(F.lit(1)).alias("n"),
            F.count_if("is_order").alias("o"),
            F.min(at).alias("first"),
            F.max(at).alias("last"),
            F.bool_or("is_declared_bot").alias("declared"),
            F.max("reused_id_lines").alias("reused"),
            F.bool_or(F.coalesce(headless, F.lit(False))).alias("headless"),
        )
        .groupBy("event_hour", "visitor_id")
        .agg(
            F.sum("n").alias("events"),
            F.sum("o").alias("orders"),
            F.max("n").alias("max_events_per_minute"),
            ((F.max("last") - F.min("first")) / F.lit(1_000_000.0)).alias("span_s"),
            F.bool_or("declared").alias("declared"),
            F.max("reused").alias("max_reused_id_lines"),
            F.bool_or("headless").alias("headless"),
        )
        .withColumn("mean_gap_s", F.try_divide("span_s", F.col("events") - 1))
    )
    signs = {
        "burst": (F.col("max_events_per_minute") > 50, 0.6),
        "card_testing": (F.col("orders") > 4, 0.6),
        "declared_bot": (F.col("declared"), 1.0),
        "headless": (F.col("headless"), 0.8),
        "id_reuse": (F.col("max_reused_id_lines") >= 10, 0.6),
        "no_dwell": ((F.col("events") >= 20) & (F.col("mean_gap_s") < 2), 0.6),
    }
    given = F.array_compact(F.array(*[F.when(when, name) for name, (when, _) in signs.items()]))
    score = F.lit(0.0)
    for name, (_, weight) in signs.items():
        score = score + F.array_contains("bot_signals", name).cast("int") * F.lit(weight)
    return (
        visitors.withColumn("bot_signals", given)
        .where(F.size("bot_signals") > 0)
        .withColumn("bot_score", F.least(score, F.lit(1.0)))
        .withColumn("is_bot", F.col("bot_score") >= 0.5)
        .drop("span_s", "declared", "headless")
    )
