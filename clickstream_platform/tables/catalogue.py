"""The catalogue: feed lines as received, and products, users and campaigns as versions (SCD2)."""

from typing import Annotated

import pandera.pyspark as pa
from pyspark.sql import functions as F
from pyspark.sql import types as T

from clickstream_platform.tables.contract import RowRule, Table, column

_RAW = "bronze/catalogue.raw"
_OWNER = "team:data-platform"


class BronzeCatalogue(pa.DataFrameModel):
    """Every line of a catalogue feed that was ever received, byte for byte, with its address."""

    source: T.StringType = column("Name of the feed the line arrived for.")
    source_file: T.StringType = column(
        "Path under landing, `@` and 8 hex digits of the file's SHA-256."
    )
    source_offset: T.LongType = column("Ordinal of the line in its file.", ge=0)
    raw: T.BinaryType = column("The record's exact bytes, without its line end.", pii="free_text")
    header: T.StringType = column("Header record of a CSV file; null elsewhere.", nullable=True)
    damage: T.StringType = column(
        "Why the reader could not deliver the record whole (`archive_truncated`, …).", nullable=True
    )
    ingest_hour: T.StringType = column("Hour the line arrived in; the partition.")
    enqueued_at: T.TimestampType = column("When the file system got it.", nullable=True)
    ingested_at: T.TimestampType = column("When this platform stored it.")
    run_id: T.StringType = column("Dagster run that stored it.")


BRONZE_CATALOGUE = Table(
    layer="bronze",
    name="catalogue",
    model=BronzeCatalogue,
    grain="one row per received line of a catalogue feed",
    keys=("source_file", "source_offset"),
    partition_by="ingest_hour",
    writer="spark",
    owner=_OWNER,
    kinds=("pyspark", "deltalake", "bronze"),
)


class _Versions(pa.DataFrameModel):
    """What every table of versions has beside its key and attributes."""

    version_no: T.LongType = column("1 for the oldest version that is known.", of=(_RAW,), ge=1)
    valid_from: T.TimestampType = column("The first moment the version holds.", of=(_RAW,))
    valid_to: T.TimestampType = column(
        "The first moment it no longer holds; null if no later version is known.",
        nullable=True,
        of=(_RAW,),
    )
    content_hash: T.StringType = column("SHA-256 of the attributes.", of=(_RAW,))


class Products(_Versions):
    """The products by version, as the catalogue feeds tell them."""

    item_id: T.StringType = column("Product.", of=(_RAW,))
    item_name: T.StringType = column("Name.", nullable=True, of=(_RAW,))
    item_brand: T.StringType = column("Brand.", nullable=True, of=(_RAW,))
    item_category: T.StringType = column("Category.", nullable=True, of=(_RAW,))
    price: Annotated[T.DecimalType, 12, 2] = column(
        "List price.", nullable=True, of=(_RAW,), unit="currency", ge=0
    )


class Users(_Versions):
    """The registered users by version, as the catalogue feeds tell them."""

    user_id: T.StringType = column("Account.", of=(_RAW,), pii="id")
    segment: T.StringType = column("Segment the shop put them in.", nullable=True, of=(_RAW,))
    country: T.StringType = column("Country of the account.", nullable=True, of=(_RAW,))
    signup_date: T.DateType = column("Day of registration.", nullable=True, of=(_RAW,))


class Campaigns(_Versions):
    """The campaigns by version, as the catalogue feeds tell them."""

    campaign_id: T.StringType = column("Campaign.", of=(_RAW,))
    mkt_campaign: T.StringType = column("Its name in links.", nullable=True, of=(_RAW,))
    mkt_source: T.StringType = column("Where it runs.", nullable=True, of=(_RAW,))
    mkt_medium: T.StringType = column("Kind of traffic.", nullable=True, of=(_RAW,))


class CatalogueQuarantine(pa.DataFrameModel):
    """Every feed line that was rejected, with all reasons."""

    source: T.StringType = column("Feed.", of=("bronze/catalogue.source",))
    source_file: T.StringType = column("Address.", of=("bronze/catalogue.source_file",))
    source_offset: T.LongType = column("Address.", of=("bronze/catalogue.source_offset",))
    ingest_hour: T.StringType = column("Hour of arrival.", of=("bronze/catalogue.ingest_hour",))
    raw: T.BinaryType = column("The line as received.", of=(_RAW,), pii="free_text")
    reasons: Annotated[T.ArrayType, T.StringType(), True] = column(
        "Names of the rules the line broke, at least one.", of=(_RAW,)
    )
    detail: T.StringType = column(
        "What was found, such as the missing column.", nullable=True, of=(_RAW,)
    )


def _table(
    name: str, model: type[pa.DataFrameModel], grain: str, keys: tuple[str, ...], rule: RowRule
) -> Table:
    return Table(
        layer="silver",
        name=name,
        model=model,
        grain=grain,
        keys=keys,
        partition_by=None,
        writer="deltalake",
        owner=_OWNER,
        inputs=("bronze/catalogue",),
        reach="all",
        row_rules=(rule,),
        kinds=("pyspark", "arrow", "deltalake", "silver"),
        hourly=False,
    )


_LASTS = RowRule(
    "lasts",
    lambda: F.col("valid_to").isNull() | (F.col("valid_from") < F.col("valid_to")),
    "a version holds for some time",
)
PRODUCTS = _table(
    "products", Products, "one row per product and version", ("item_id", "version_no"), _LASTS
)
USERS = _table("users", Users, "one row per user and version", ("user_id", "version_no"), _LASTS)
CAMPAIGNS = _table(
    "campaigns",
    Campaigns,
    "one row per campaign and version",
    ("campaign_id", "version_no"),
    _LASTS,
)
CATALOGUE_QUARANTINE = _table(
    "catalogue_quarantine",
    CatalogueQuarantine,
    "one row per rejected feed line",
    ("source_file", "source_offset"),
    RowRule("has_reason", lambda: F.size("reasons") > 0, "a rejected line says why"),
)
VERSIONED = (PRODUCTS, USERS, CAMPAIGNS)
CATALOGUE = (*VERSIONED, CATALOGUE_QUARANTINE)
