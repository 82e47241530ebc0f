"""Columns derived from user agent, page and referrer (docs/DEFINITIONS.md, Enrichment).

Few distinct texts stand for many events: each batch's distinct combinations are looked at once, in
one Arrow function per source, and only for sources that map such a field.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from clickstream_platform.sources.model import OWN_AGENT, OWN_TRAFFIC, Source
from clickstream_platform.tables.enrichment import ENRICHMENT_VERSION
from clickstream_platform.transforms.enricher import ENRICHED, FLAGS, enricher

_AGENT_INPUTS = ("user_agent", *OWN_AGENT)
_TRAFFIC_INPUTS = ("page_location", "page_referrer", *OWN_TRAFFIC)
_STRUCT = T.StructType(
    [T.StructField(name, T.BooleanType() if name in FLAGS else T.StringType()) for name in ENRICHED]
)


def own_column(name: str) -> str:
    """The column with what a source itself says of a derived column."""
    return f"_own_{name}"


def own_texts(source: Source) -> tuple[str, ...]:
    """The derived columns of which the source itself says something."""
    return tuple(name for name in (*OWN_AGENT, *OWN_TRAFFIC) if name in source.fields)


def with_enrichment(rows: DataFrame, source: Source) -> DataFrame:
    """The same rows with the derived columns; `rows` has the texts they are made of."""
    of_agent = [name for name in _AGENT_INPUTS if name in source.fields]
    of_traffic = [name for name in _TRAFFIC_INPUTS if name in source.fields]
    version = {"enrichment_version": F.lit(ENRICHMENT_VERSION)}
    if not of_agent and not of_traffic:
        return rows.withColumns({**{name: _nothing(name) for name in ENRICHED}, **version})
    own = own_texts(source)
    inputs = [own_column(name) if name in own else name for name in (*of_agent, *of_traffic)]
    enriched = F.arrow_udf(enricher(of_agent, of_traffic), _STRUCT)
    return (
        rows.withColumn("_enriched", enriched(*inputs))
        .withColumns({name: F.col("_enriched").getField(name) for name in ENRICHED} | version)
        .drop("_enriched", *[own_column(name) for name in own])
    )


def _nothing(name: str) -> Column:
    return F.lit(False) if name in FLAGS else F.lit(None).cast("string")
