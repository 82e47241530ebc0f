"""From field texts to canonical event columns (docs/DEFINITIONS.md, Reading a line, 4 to 12)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from clickstream_platform.sources.model import (
    AMOUNT_FIELDS,
    ITEM_FIELDS,
    TEXT_FIELDS,
    TIME_FIELDS,
    Source,
)
from clickstream_platform.transforms.enrichment import own_column, own_texts, with_enrichment
from clickstream_platform.transforms.fields import Fields, no_text
from clickstream_platform.transforms.fingerprint import (
    UNIT,
    event_fingerprint,
    is_clock_repaired,
    joined,
)
from clickstream_platform.transforms.items import (
    LISTED_TEXT,
    amount,
    whole_number,
    with_items,
)
from clickstream_platform.transforms.limits import Limits
from clickstream_platform.transforms.rescue import rescued_data, unparsable
from clickstream_platform.transforms.times import (
    is_before,
    is_future,
    parsed_time,
    repaired_time,
)
from clickstream_platform.transforms.vocabulary import KNOWN_EVENTS

_CARRIED = (
    "source",
    "source_file",
    "source_offset",
    "raw",
    "ingest_hour",
    "home_hour",
    "enqueued_at",
)
_MADE = (
    "id_scope",
    "event_id",
    "event_fingerprint",
    "event_name",
    "event_timestamp",
    "visitor_id",
    *TEXT_FIELDS,
    "ip_anonymised",
    "items",
    "value",
    "currency",
    *AMOUNT_FIELDS,
    *TIME_FIELDS,
    "is_high_value",
    "added_fields",
    "rescued_data",
    "warnings",
    "source_version",
    "reasons",
    "detail",
    "is_readable",
    "is_clock_repaired",
)


def standardise(lines: DataFrame, source: Source, limits: Limits) -> DataFrame:
    """One row per line with every canonical column, `reasons` (empty for a good line) and `detail`.

    `lines` comes from `with_fields`.
    """
    fields = Fields(source)
    read = (
        lines.select(*_CARRIED, "_fatal", "_detail", *_texts(fields))
        .withColumns(_first_columns(source))
        .withColumn("event_timestamp", _event_timestamp(source, F.col("_time")))
        .transform(lambda rows: with_items(rows, source))
        .withColumn("visitor_id", _visitor_id(fields))
        .withColumn("is_high_value", _is_high_value(source, limits.high_value_threshold))
        .withColumn("rescued_data", rescued_data(source))
        .withColumn("added_fields", _added_fields(source))
        .withColumn("warnings", _warnings(source))
        .withColumn("id_scope", F.lit(source.name))
        .withColumn("source_version", F.lit(source.version).cast("bigint"))
        .withColumn("event_fingerprint", event_fingerprint(source))
        .withColumn("reasons", _reasons(source, limits))
        .withColumn("detail", F.coalesce("_detail", _time_detail(), _drift_detail(source)))
        .withColumn("is_readable", F.col("_fatal").isNull())
        .withColumn("is_clock_repaired", is_clock_repaired(source))
        .select(*_CARRIED, *_MADE, *[own_column(name) for name in own_texts(source)])
    )
    return with_enrichment(read, source)


def event_time(lines: DataFrame, source: Source) -> Column:
    """The parsed event time of rows made by `with_fields`; null for an unreadable line."""
    fields = Fields(source)
    own = _parsed(source, fields.text(source.event_timestamp.field))
    if source.event_timestamp.repair_clock:
        three = [_parsed(source, fields.mapped(name)) for name in TIME_FIELDS]
        own = repaired_time(three[0], three[1], three[2], own)
    return F.when(F.col("_fatal").isNull(), own)


def _parsed(source: Source, text: Column) -> Column:
    return parsed_time(text, source.event_timestamp.format, source.event_timestamp.zone)


def _event_timestamp(source: Source, text: Column) -> Column:
    own = _parsed(source, text)
    if not source.event_timestamp.repair_clock:
        return own
    return repaired_time(F.col("client_timestamp"), F.col("sent_at"), F.col("received_at"), own)


def _first_columns(source: Source) -> dict[str, Column]:
    """What is made of one text each; of the optional ones only what the source maps."""
    made = {
        "event_name": _event_name(F.col("_name"), source),
        "ip_anonymised": _anonymised(F.col("_address")),
        "_price": amount(F.col("_price_text")),
        "_quantity": whole_number(F.col("_quantity_text")),
    }
    for name in AMOUNT_FIELDS:
        if name in source.fields:
            made[name] = amount(F.col(f"_{name}_text"))
    for name in TIME_FIELDS:
        if name in source.fields:
            made[name] = _parsed(source, F.col(f"_{name}_text"))
    return made


def _texts(fields: Fields) -> list[Column | str]:
    source = fields.source

    def item(name: str) -> Column:
        return fields.text(source.item[name]) if name in source.item else no_text()

    default_currency = F.lit(source.defaults.get("currency")).cast("string")
    typed = dict.fromkeys(AMOUNT_FIELDS, "decimal(12,2)") | dict.fromkeys(TIME_FIELDS, "timestamp")
    return [
        _event_id(fields).alias("event_id"),
        fields.mapped("event_name").alias("_name"),
        fields.text(source.event_timestamp.field).alias("_time"),
        *[fields.mapped(name).alias(name) for name in TEXT_FIELDS],
        *[
            fields.mapped(name).alias(f"_{name}_text")
            if name in source.fields
            else F.lit(None).cast(kind).alias(name)
            for name, kind in typed.items()
        ],
        F.lower(fields.mapped("ip_address")).alias("_address"),
        F.coalesce(F.upper(fields.mapped("currency")), default_currency).alias("currency"),
        *[item(name).alias(f"_{name}") for name in ITEM_FIELDS[:4]],
        _price_text(source, item).alias("_price_text"),
        item("quantity").alias("_quantity_text"),
        *[fields.mapped(name).alias(own_column(name)) for name in own_texts(source)],
        *[_visitor_made(fields).alias("_visitor_made") for _ in source.visitor_fingerprint[:1]],
        *[fields.text(listed.field).alias(LISTED_TEXT) for listed in [source.items] if listed],
        "_extra",
        "_unread",
    ]


def _price_text(source: Source, item: Callable[[str], Column]) -> Column:
    """A source may give what a product costs that says no price."""
    default = source.defaults.get("price")
    if default is None:
        return item("price")
    return F.coalesce(item("price"), F.when(item("item_id").isNotNull(), F.lit(default)))


def _visitor_made(fields: Fields) -> Column:
    texts = [fields.text(name) for name in fields.source.visitor_fingerprint]
    made = F.left(F.md5(joined(texts, UNIT)), F.lit(32))
    return F.when(F.coalesce(*texts).isNotNull(), made)


def _visitor_id(fields: Fields) -> Column:
    ids = ["anonymous_id", "user_id", "client_session_id"]
    return F.coalesce(*ids, *["_visitor_made" for _ in fields.source.visitor_fingerprint[:1]])


def _event_id(fields: Fields) -> Column:
    event_id = fields.source.event_id
    if event_id.field:
        return fields.text(event_id.field)
    texts = [fields.text(name) for name in event_id.fingerprint]
    return F.when(F.col("_fatal").isNull(), F.left(F.md5(joined(texts, UNIT)), F.lit(32)))


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


def _is_high_value(source: Source, threshold: float) -> Column:
    price = F.array_max("items.price") if source.items else F.col("_price")
    return F.coalesce(price > F.lit(str(threshold)).cast("decimal(12,2)"), F.lit(False))


def _added_fields(source: Source) -> Column:
    is_added = source.schema_mode == "add"
    return F.nullif(F.to_json("_extra"), F.lit("{}")) if is_added else no_text()


def _warnings(source: Source) -> Column:
    return named_if(
        {
            "no_visitor": F.col("visitor_id").isNull(),
            "unknown_event_name": ~F.col("event_name").isin([*KNOWN_EVENTS]),
            **unparsable(source),
            "undeclared_fields": F.col("_extra").isNotNull(),
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
        "missing_event_timestamp": F.col("_time").isNull() & time.isNull(),
        "unparsable_event_timestamp": F.col("_time").isNotNull() & time.isNull(),
        "future_event": is_future(time, F.col("ingest_hour"), max_future_skew_s=skew),
        "before_first_hour": is_before(time, limits.first_hour),
        **{f"missing_{name}": _required(name).isNull() for name in required},
    }
    if source.schema_mode == "fail":
        named["schema_drift"] = F.col("rescued_data").isNotNull()
    return F.when(F.col("_fatal").isNotNull(), F.array("_fatal")).otherwise(named_if(named))


def _required(name: str) -> Column:
    return F.col("ip_anonymised" if name == "ip_address" else name)


def _time_detail() -> Column:
    unparsed = F.col("_time").isNotNull() & F.col("event_timestamp").isNull()
    return F.when(unparsed, F.concat(F.lit("found time: "), F.left(F.col("_time"), F.lit(60))))


def _drift_detail(source: Source) -> Column:
    if source.schema_mode != "fail":
        return no_text()
    return F.concat(F.lit("found fields: "), F.left("rescued_data", F.lit(200)))
