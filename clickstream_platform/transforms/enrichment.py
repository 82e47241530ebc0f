"""Columns derived from user agent, page and referrer (docs/DEFINITIONS.md, Enrichment).

Few distinct texts stand for many events: each batch's distinct combinations are looked at once, in
one Arrow function per source, and only for sources that map such a field.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from clickstream_platform.sources.model import OWN_AGENT, OWN_TRAFFIC, Source
from clickstream_platform.tables.enrichment import ENRICHMENT_VERSION
from clickstream_platform.transforms.agents import Agent, agent
from clickstream_platform.transforms.traffic import Traffic, traffic

_AGENT_INPUTS = ("user_agent", *OWN_AGENT)
_TRAFFIC_INPUTS = ("page_location", "page_referrer", *OWN_TRAFFIC)
_AGENT_COLUMNS = tuple(field.name for field in fields(Agent))
_TRAFFIC_COLUMNS = tuple(field.name for field in fields(Traffic))
_ENRICHED = (*_AGENT_COLUMNS, *_TRAFFIC_COLUMNS)
_FLAGS = ("is_declared_bot",)
_STRUCT = T.StructType(
    [
        T.StructField(name, T.BooleanType() if name in _FLAGS else T.StringType())
        for name in _ENRICHED
    ]
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
        return rows.withColumns({**{name: _nothing(name) for name in _ENRICHED}, **version})
    own = own_texts(source)
    inputs = [own_column(name) if name in own else name for name in (*of_agent, *of_traffic)]
    enriched = F.arrow_udf(_enricher(of_agent, of_traffic), _STRUCT)
    return (
        rows.withColumn("_enriched", enriched(*inputs))
        .withColumns({name: F.col("_enriched").getField(name) for name in _ENRICHED} | version)
        .drop("_enriched", *[own_column(name) for name in own])
    )


def _nothing(name: str) -> Column:
    return F.lit(False) if name in _FLAGS else F.lit(None).cast("string")


def _enricher(of_agent: Sequence[str], of_traffic: Sequence[str]) -> Callable[..., pa.Array]:
    """The function that runs in Spark's Python workers, on the texts of a batch."""

    def enriched(*texts: pa.Array) -> pa.Array:
        split = len(of_agent)
        columns = [
            *_looked_up(agent, _AGENT_COLUMNS, of_agent, texts[:split], len(texts[0])),
            *_looked_up(traffic, _TRAFFIC_COLUMNS, of_traffic, texts[split:], len(texts[0])),
        ]
        return pa.StructArray.from_arrays(columns, names=list(_ENRICHED))

    return enriched


def _looked_up(
    look: Callable[..., Any],
    columns: Sequence[str],
    names: Sequence[str],
    texts: Sequence[pa.Array],
    row_count: int,
) -> list[pa.Array]:
    """The columns of `look`, asked once for each distinct combination of the texts."""
    first, place = _distinct(texts, row_count)
    distinct = [text.take(first).to_pylist() for text in texts]
    found = [
        look(**dict(zip(names, combination, strict=True)))
        for combination in (zip(*distinct, strict=True) if texts else [()] * len(first))
    ]
    return [
        pa.array(
            [getattr(result, name) for result in found],
            pa.bool_() if name in _FLAGS else pa.string(),
        ).take(place)
        for name in columns
    ]


def _distinct(texts: Sequence[pa.Array], row_count: int) -> tuple[pa.Array, pa.Array]:
    """The first row of each distinct combination, and each row's place among them."""
    codes = np.zeros(row_count, dtype=np.int64)
    for text in texts:
        encoded = text.dictionary_encode(null_encoding="encode")
        codes = codes * len(encoded.dictionary) + encoded.indices.to_numpy()
        _, codes = np.unique(codes, return_inverse=True)
    _, first, place = np.unique(codes, return_index=True, return_inverse=True)
    return pa.array(first), pa.array(place)
