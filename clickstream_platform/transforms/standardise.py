"""From field texts to canonical event columns (docs/DEFINITIONS.md, Reading a line, 4 to 12)."""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from clickstream_platform.sources.model import Source, names_of
from clickstream_platform.tables.silver import ITEM
from clickstream_platform.transforms.enrichment import own_column, own_texts, with_enrichment
from clickstream_platform.transforms.fields import Fields
from clickstream_platform.transforms.limits import Limits
from clickstream_platform.transforms.times import is_before, is_future, parsed_time
from clickstream_platform.transforms.vocabulary import KNOWN_EVENTS

UNIT, RECORD, GROUP = "\x1f", "\x1e", "\x1d"  # ASCII separators: unit, record, group
NULL_TEXT = "\\N"
_DECIMAL = r"^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?$"
_WHOLE = r"^[+-]?\d+(?:\.0*)?$"
_CARRIED = (
    "source",
    "source_file",
    "source_offset",
    "raw",
    "ingest_hour",
    "home_hour",
    "enqueued_at",
)


def standardise(lines: DataFrame, source: Source, limits: Limits) -> DataFrame:
    """One row per line with every canonical column, `reasons` (empty for a good line) and `detail`.

    `lines` comes from `with_fields`.
    """
    fields = Fields(source)
    read = (
        lines.select(*_CARRIED, "_fatal", "_detail", *_texts(fields))
        .withColumn("event_name", _event_name(F.col("_name"), source))
        .withColumn("ip_anonymised", _anonymised(F.col("_address")))
        .withColumn("event_timestamp", parsed_time(F.col("_time"), source.event_timestamp.format))
        .withColumn("_price", _price(F.col("_price_text")))
        .withColumn("_quantity", _quantity(F.col("_quantity_text")))
        .withColumn("items", _items())
        .withColumn("value", _value())
        .withColumn("visitor_id", F.coalesce("anonymous_id", "user_id", "client_session_id"))
        .withColumn("is_high_value", _is_high_value(limits.high_value_threshold))
        .withColumn("warnings", _warnings())
        .withColumn("rescued_data", _rescued(source))
        .withColumn("id_scope", F.lit(source.name))
        .withColumn("source_version", F.lit(source.version).cast("bigint"))
        .withColumn("event_fingerprint", _fingerprint(source))
        .withColumn("reasons", _reasons(source, limits))
        .withColumn("detail", F.coalesce("_detail", _time_detail()))
        .withColumn("is_readable", F.col("_fatal").isNull())
        .drop("_fatal", "_detail", "_time", "_name", "_address", "_extra", *_ITEM_TEXTS)
    )
    return with_enrichment(read, source)


def event_time(lines: DataFrame, source: Source) -> Column:
    """The parsed event time of rows made by `with_fields`; null for an unreadable line."""
    text = Fields(source).text(source.event_timestamp.field)
    time = parsed_time(text, source.event_timestamp.format)
    return F.when(F.col("_fatal").isNull(), time)


_ITEM_TEXTS = (
    "_item_id",
    "_item_name",
    "_item_brand",
    "_item_category",
    "_price_text",
    "_quantity_text",
    "_price",
    "_quantity",
)


def _texts(fields: Fields) -> list[Column | str]:
    source = fields.source

    def of(name: str) -> Column:
        return fields.text(source.fields[name]) if name in source.fields else _no_text()

    def item(name: str) -> Column:
        return fields.text(source.item[name]) if name in source.item else _no_text()

    default_currency = F.lit(source.defaults.get("currency")).cast("string")
    plain = (
        "user_id",
        "anonymous_id",
        "client_session_id",
        "page_location",
        "page_referrer",
        "user_agent",
        "transaction_id",
        "outcome",
        "experiment_id",
        "variant_id",
    )
    return [
        _event_id(fields).alias("event_id"),
        of("event_name").alias("_name"),
        fields.text(source.event_timestamp.field).alias("_time"),
        *[of(name).alias(name) for name in plain],
        F.lower(of("ip_address")).alias("_address"),
        F.coalesce(F.upper(of("currency")), default_currency).alias("currency"),
        item("item_id").alias("_item_id"),
        item("item_name").alias("_item_name"),
        item("item_brand").alias("_item_brand"),
        item("item_category").alias("_item_category"),
        item("price").alias("_price_text"),
        item("quantity").alias("_quantity_text"),
        *[of(name).alias(own_column(name)) for name in own_texts(source)],
        "_extra",
    ]


def _no_text() -> Column:
    return F.lit(None).cast("string")


def _event_id(fields: Fields) -> Column:
    event_id = fields.source.event_id
    if event_id.field:
        return fields.text(event_id.field)
    texts = [fields.text(name) for name in event_id.fingerprint]
    return F.when(F.col("_fatal").isNull(), F.left(F.md5(_joined(texts, UNIT)), F.lit(32)))


def _joined(texts: list[Column], separator: str) -> Column:
    return F.concat_ws(separator, *[F.coalesce(text, F.lit(NULL_TEXT)) for text in texts])


def _event_name(text: Column, source: Source) -> Column:
    words = F.regexp_replace(text, r"(\p{Ll}|\p{N})(\p{Lu})", "$1_$2")
    snake = F.regexp_replace(F.lower(words), r"[^\p{L}\p{N}]+", "_")
    kept = F.nullif(F.trim(snake, F.lit("_")), F.lit(""))
    named = F.when(text.isNull(), text)  # mapped and known names need no regex
    for theirs, ours in source.event_names.items():
        named = named.when(text == theirs, F.lit(ours))
    return named.when(text.isin([*KNOWN_EVENTS]), text).otherwise(kept)


def _anonymised(address: Column) -> Column:
    """`address` is lower case."""
    is_v4 = address.rlike(r"^\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}$")
    is_v6 = F.contains(address, F.lit(":")) & address.rlike(r"^[0-9a-f:.]+$")
    groups = F.regexp_extract(
        address, r"^((?:[0-9a-f]{1,4}:){0,2}[0-9a-f]{0,4})(?:::|:)[0-9a-f:.]*$", 1
    )
    return F.when(is_v4, F.concat(F.substring_index(address, ".", 3), F.lit(".0"))).when(
        is_v6, F.concat(F.regexp_replace(groups, ":+$", ""), F.lit("::"))
    )


def _price(text: Column) -> Column:
    return F.when(text.rlike(_DECIMAL), text.try_cast("decimal(12,2)"))


def _quantity(text: Column) -> Column:
    return F.when(text.rlike(_WHOLE), F.regexp_replace(text, r"\.0*$", "").try_cast("bigint"))


def _items() -> Column:
    item = F.struct(
        F.col("_item_id").alias("item_id"),
        F.col("_item_name").alias("item_name"),
        F.col("_item_brand").alias("item_brand"),
        F.col("_item_category").alias("item_category"),
        F.col("_price").alias("price"),
        F.col("_quantity").alias("quantity"),
    )
    texts = (
        "_item_id",
        "_item_name",
        "_item_brand",
        "_item_category",
        "_price_text",
        "_quantity_text",
    )
    present = F.coalesce(*[F.col(name) for name in texts]).isNotNull()
    items = F.when(present, F.array(item)).otherwise(F.array())
    return items.cast(f"array<{ITEM.simpleString()}>")


def _value() -> Column:
    """One item at most here; the product is null from 10^10 on."""
    quantity = F.coalesce("_quantity", F.lit(1).cast("bigint")).cast("decimal(20,0)")
    return F.try_multiply(F.col("_price"), quantity).try_cast("decimal(12,2)")


def _is_high_value(threshold: float) -> Column:
    return F.coalesce(F.col("_price") > F.lit(str(threshold)).cast("decimal(12,2)"), F.lit(False))


def _warnings() -> Column:
    return named_if(
        {
            "no_visitor": F.col("visitor_id").isNull(),
            "unknown_event_name": ~F.col("event_name").isin([*KNOWN_EVENTS]),
            "unparsable_price": _unparsable("_price"),
            "unparsable_quantity": _unparsable("_quantity"),
            "currency_pattern": ~F.col("currency").rlike("^[A-Z]{3}$"),
        }
    )


def named_if(conditions: Mapping[str, Column]) -> Column:
    """The names of the conditions that are true. Few rows have any: the others get a constant."""
    none = F.array().cast("array<string>")
    names = [F.when(condition, F.lit(name)) for name, condition in conditions.items()]
    if not names:
        return none
    return F.when(F.coalesce(*names).isNotNull(), F.array_compact(F.array(*names))).otherwise(none)


def _unparsable(name: str) -> Column:
    return F.col(f"{name}_text").isNotNull() & F.col(name).isNull()


def _rescued(source: Source) -> Column:
    unparsed = [
        F.when(
            _unparsable(f"_{name}"),
            F.create_map(F.lit(names_of(source.item[name])[0]), F.col(f"_{name}_text")),
        )
        for name in ("price", "quantity")
        if name in source.item
    ]
    empty = F.create_map().cast("map<string,string>")
    parts = [F.coalesce(part, empty) for part in (F.col("_extra"), *unparsed)]
    merged = F.map_concat(*parts) if len(parts) > 1 else parts[0]
    present = F.coalesce(F.col("_extra"), *unparsed).isNotNull()
    return F.when(present, F.nullif(F.to_json(merged), F.lit("{}")))


def _fingerprint(source: Source) -> Column:
    item = F.col("items")[0]
    items = F.when(F.size("items") == 0, F.lit("")).otherwise(
        _joined([item[name].cast("string") for name in ITEM.fieldNames()], RECORD)
    )
    texts = [
        F.col("event_name"),
        F.unix_micros("event_timestamp").cast("string"),
        *[
            F.col(name)
            for name in (
                "user_id",
                "anonymous_id",
                "client_session_id",
                "page_location",
                "page_referrer",
                "user_agent",
                "ip_anonymised",
            )
        ],
        items,
        F.col("value").cast("string"),
        *[
            F.col(name)
            for name in ("currency", "transaction_id", "outcome", "experiment_id", "variant_id")
        ],
        *[F.col(own_column(name)) for name in own_texts(source)],
    ]
    return F.left(F.md5(_joined(texts, UNIT)), F.lit(16))


def _reasons(source: Source, limits: Limits) -> Column:
    """The rules of reading; the contract of silver/events adds its own (see `judge`)."""
    time = F.col("event_timestamp")
    skew = limits.max_future_skew_s
    required = [
        name
        for name in source.required
        if name not in ("event_name", "event_timestamp", "event_id")
    ]
    named = {
        "missing_event_timestamp": F.col("_time").isNull(),
        "unparsable_event_timestamp": F.col("_time").isNotNull() & time.isNull(),
        "future_event": is_future(time, F.col("ingest_hour"), max_future_skew_s=skew),
        "before_first_hour": is_before(time, limits.first_hour),
        **{f"missing_{name}": _required(name).isNull() for name in required},
    }
    return F.when(F.col("_fatal").isNotNull(), F.array("_fatal")).otherwise(named_if(named))


def _required(name: str) -> Column:
    return F.col("ip_anonymised" if name == "ip_address" else name)


def _time_detail() -> Column:
    unparsed = F.col("_time").isNotNull() & F.col("event_timestamp").isNull()
    return F.when(unparsed, F.concat(F.lit("found time: "), F.left(F.col("_time"), F.lit(60))))
