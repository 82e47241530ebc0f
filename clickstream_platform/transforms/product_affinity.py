"""Products that go together (docs/DEFINITIONS.md, Products)."""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from clickstream_platform.tables.products import PRODUCT_AFFINITY
from clickstream_platform.transforms.sessions import typed

MAX_BASKET_ITEMS = 100  # a larger one is a wholesaler or a robot, and has 10,000 pairs
MIN_BASKETS = 2


def product_affinity(orders: DataFrame, sessions: DataFrame) -> DataFrame:
    """One row per basis and ordered pair of products, from all orders with `customer_id` and all
    of `session_products`."""
    return typed(
        _together(orders)
        .unionByName(_viewed_to_ordered(sessions))
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
    bases = F.array(
        F.struct(F.lit("order").alias("basis"), F.col("order_id").alias("basket")),
        F.struct(F.lit("customer").alias("basis"), F.col("customer_id").alias("basket")),
    )
    baskets = (
        orders.select(F.inline(bases), F.col("items.item_id").alias("ids"))
        .where(F.col("basket").isNotNull())
        .groupBy("basis", "basket")
        .agg(F.array_compact(F.array_distinct(F.flatten(F.collect_list("ids")))).alias("ids"))
        .where(F.size("ids").between(1, MAX_BASKET_ITEMS))
        .withColumn("baskets", F.count(F.lit(1)).over(Window.partitionBy("basis")))
    )
    pairs = (
        baskets.select("basis", "baskets", F.explode("ids").alias("item_a"), "ids")
        .select("basis", "baskets", "item_a", F.explode("ids").alias("item_b"))
        .groupBy("basis", "item_a", "item_b")
        .agg(F.count(F.lit(1)).alias("n"), F.max("baskets").alias("baskets"))
    )
    alone = F.when(F.col("item_a") == F.col("item_b"), F.col("n"))
    return pairs.withColumn(
        "baskets_a", F.max(alone).over(Window.partitionBy("basis", "item_a"))
    ).withColumn("baskets_b", F.max(alone).over(Window.partitionBy("basis", "item_b")))


def _viewed_to_ordered(sessions: DataFrame) -> DataFrame:
    """Product A looked at and product B ordered in one session."""
    fitting = sessions.where(
        F.size("viewed").between(1, MAX_BASKET_ITEMS) & (F.size("ordered") <= MAX_BASKET_ITEMS)
    )
    pairs = (
        fitting.select(F.explode("viewed").alias("item_a"), "ordered")
        .select("item_a", F.explode("ordered").alias("item_b"))
        .groupBy("item_a", "item_b")
        .agg(F.count(F.lit(1)).alias("n"))
    )
    return (
        pairs.join(_holding(fitting, "viewed", "item_a", "baskets_a"), on="item_a")
        .join(_holding(fitting, "ordered", "item_b", "baskets_b"), on="item_b")
        .crossJoin(fitting.agg(F.count(F.lit(1)).alias("baskets")))
        .withColumn("basis", F.lit("view_to_order"))
    )


def _holding(sessions: DataFrame, products: str, item: str, count: str) -> DataFrame:
    return (
        sessions.select(F.explode(products).alias(item))
        .groupBy(item)
        .agg(F.count(F.lit(1)).alias(count))
    )
