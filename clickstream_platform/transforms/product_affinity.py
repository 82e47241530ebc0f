"""Products that go together (docs/DEFINITIONS.md, Products)."""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from clickstream_platform.tables.products import PRODUCT_AFFINITY
from clickstream_platform.tables.traffic import TRAFFIC
from clickstream_platform.transforms.robot_days import FLAG, with_traffic
from clickstream_platform.transforms.sessions import typed

MAX_BASKET_ITEMS = 100  # a larger one is a wholesaler or a robot, and has 10,000 pairs
MIN_BASKETS = 2


def product_affinity(orders: DataFrame, sessions: DataFrame) -> DataFrame:
    """One row per kind of traffic, basis and ordered pair of products, from all flagged orders with
    `customer_id` and all of `session_products`."""
    return typed(
        _together(orders)
        .unionByName(_viewed_to_ordered(sessions.withColumnRenamed("is_bot", FLAG)))
        .where((F.col("item_a") != F.col("item_b")) & (F.col("n") >= MIN_BASKETS))
        .withColumn("support", F.col("n") / F.col("baskets"))
        .withColumn("confidence", F.col("n") / F.col("baskets_a"))
        .withColumn(
            "lift",
            F.col("n") * F.col("baskets") / (F.col("baskets_a") * F.col("baskets_b")),
        ),
        PRODUCT_AFFINITY,
    )


def _together(orders: DataFrame) -> DataFrame:
    """Pairs of one basket. A basket is paired once for both kinds of traffic, unless it holds
    orders of robots and others."""
    bases = F.array(
        F.struct(F.lit("order").alias("basis"), F.col("order_id").alias("basket")),
        F.struct(F.lit("customer").alias("basis"), F.col("customer_id").alias("basket")),
    )
    of_basis = Window.partitionBy("basis")
    baskets = (
        orders.select(F.inline(bases), F.col("items.item_id").alias("ids"), FLAG)
        .where(F.col("basket").isNotNull())
        .groupBy("basis", "basket")
        .agg(
            _products(F.col("ids")).alias("every"),
            _products(F.when(~F.col(FLAG), F.col("ids"))).alias("human"),
        )
        .select("basis", F.inline(_kinds()))
        .where(F.size("ids").between(1, MAX_BASKET_ITEMS))
        .withColumns({f"of_{kind}": F.count_if(f"in_{kind}").over(of_basis) for kind in TRAFFIC})
    )
    carried = ("basis", *[f"{what}_{kind}" for what in ("in", "of") for kind in TRAFFIC])
    pairs = (
        baskets.select(*carried, F.explode("ids").alias("item_a"), "ids")
        .select(*carried, "item_a", F.explode("ids").alias("item_b"))
        .groupBy("basis", "item_a", "item_b")
        .agg(*[_counts(kind) for kind in TRAFFIC])
        .select("basis", "item_a", "item_b", F.inline(F.array(*TRAFFIC)))
    )
    alone = F.when(F.col("item_a") == F.col("item_b"), F.col("n"))
    of_traffic = ("traffic", "basis")
    return pairs.withColumn(
        "baskets_a", F.max(alone).over(Window.partitionBy(*of_traffic, "item_a"))
    ).withColumn("baskets_b", F.max(alone).over(Window.partitionBy(*of_traffic, "item_b")))


def _products(ids: Column) -> Column:
    return F.array_compact(F.array_distinct(F.flatten(F.collect_list(ids))))


def _kinds() -> Column:
    """Structs of a basket's products and the kinds of traffic that it has these in."""

    def kind(ids: str, *, in_all: bool, in_human: bool) -> Column:
        kinds = (F.lit(in_all).alias("in_all"), F.lit(in_human).alias("in_human"))
        return F.struct(F.col(ids).alias("ids"), *kinds)

    both = F.array(kind("every", in_all=True, in_human=True))
    apart = F.array(
        kind("every", in_all=True, in_human=False), kind("human", in_all=False, in_human=True)
    )
    return F.when(F.col("every") == F.col("human"), both).otherwise(apart)


def _counts(kind: str) -> Column:
    """Of the pair's baskets in this kind of traffic, and all."""
    return F.struct(
        F.lit(kind).alias("traffic"),
        F.count_if(f"in_{kind}").alias("n"),
        F.max(f"of_{kind}").alias("baskets"),
    ).alias(kind)


def _viewed_to_ordered(sessions: DataFrame) -> DataFrame:
    """Product A looked at and product B ordered in one session."""
    fitting = sessions.where(
        F.size("viewed").between(1, MAX_BASKET_ITEMS) & (F.size("ordered") <= MAX_BASKET_ITEMS)
    )
    pairs = fitting.select(F.explode("viewed").alias("item_a"), "ordered", FLAG).select(
        "item_a", F.explode("ordered").alias("item_b"), FLAG
    )
    return (
        _number(pairs, "n", "item_a", "item_b")
        .join(_holding(fitting, "viewed", "item_a", "baskets_a"), on=["traffic", "item_a"])
        .join(_holding(fitting, "ordered", "item_b", "baskets_b"), on=["traffic", "item_b"])
        .join(_number(fitting, "baskets"), on="traffic")
        .withColumn("basis", F.lit("view_to_order"))
    )


def _holding(sessions: DataFrame, products: str, item: str, count: str) -> DataFrame:
    return _number(sessions.select(F.explode(products).alias(item), FLAG), count, item)


def _number(rows: DataFrame, count: str, *keys: str) -> DataFrame:
    """How many rows there are, by kind of traffic and `keys`."""
    apart = rows.groupBy(*keys, FLAG).agg(F.count(F.lit(1)).alias(count))
    return with_traffic(apart).groupBy("traffic", *keys).agg(F.sum(count).alias(count))
