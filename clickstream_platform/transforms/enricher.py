"""The enrichment of a batch of texts, as Spark's Python workers run it.

Apart from the columns around it: a worker imports neither Spark's columns nor the contracts, which
would take it 2 s.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import pyarrow as pa

from clickstream_platform.transforms.agents import Agent, agent
from clickstream_platform.transforms.traffic import Traffic, traffic

_AGENT_COLUMNS = tuple(field.name for field in fields(Agent))
_TRAFFIC_COLUMNS = tuple(field.name for field in fields(Traffic))
ENRICHED = (*_AGENT_COLUMNS, *_TRAFFIC_COLUMNS)
FLAGS = ("is_declared_bot",)


def enricher(of_agent: Sequence[str], of_traffic: Sequence[str]) -> Callable[..., pa.Array]:
    """From the texts of a batch, of the agent's fields and then of the traffic's, to a struct of
    all `ENRICHED` columns."""

    def enriched(*texts: pa.Array) -> pa.Array:
        split = len(of_agent)
        columns = [
            *_looked_up(agent, _AGENT_COLUMNS, of_agent, texts[:split], len(texts[0])),
            *_looked_up(traffic, _TRAFFIC_COLUMNS, of_traffic, texts[split:], len(texts[0])),
        ]
        return pa.StructArray.from_arrays(columns, names=list(ENRICHED))

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
            pa.bool_() if name in FLAGS else pa.string(),
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
