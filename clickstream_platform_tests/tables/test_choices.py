"""The choices that questions offer are the values their contracts allow."""

from __future__ import annotations

import pytest

from clickstream_platform.queries.named import find, named_queries
from clickstream_platform.tables.activity import DIMENSIONS
from clickstream_platform.tables.anomalies import KINDS
from clickstream_platform.tables.attribution import MODELS
from clickstream_platform.tables.catalog import BY_PATH
from clickstream_platform.tables.traffic import ALL_TRAFFIC, TRAFFIC
from clickstream_platform.transforms.customers import PERIODS


def allowed(path: str, column: str) -> set[str]:
    [spec] = [spec for spec in BY_PATH[path].columns if spec.name == column]
    [check] = [check for check in spec.checks if check.name == "isin"]
    return set(check.statistics["allowed_values"])


def test_every_question_of_a_kind_of_traffic_offers_the_kinds_there_are() -> None:
    asked = {
        q.name: q.choices["traffic"] for q in named_queries().values() if "traffic" in q.params
    }
    assert len(asked) > 20
    assert {frozenset(kinds) for kinds in asked.values()} == {frozenset(TRAFFIC)}
    assert [name for name, kinds in asked.items() if kinds[0] != ALL_TRAFFIC] == ["daily"]


@pytest.mark.parametrize(
    ("question", "param", "values"),
    [
        ("traffic", "dimension", set(DIMENSIONS)),
        ("touchpoints", "model", set(MODELS)),
        ("attribution", "model", {"all", *MODELS}),
        ("anomalies", "kind", {"all", "bot", "price", *KINDS}),
        ("retention", "period", set(PERIODS)),
        ("retention", "basis", allowed("gold/retention_cohort", "basis")),
        ("named_funnel", "unit", allowed("gold/funnels_daily", "unit")),
        ("named_funnel", "mode", allowed("gold/funnels_daily", "mode")),
        ("funnel", "unit", allowed("gold/funnel_10min", "unit")),
        ("funnel", "mode", allowed("gold/funnel_10min", "mode")),
        # Pairs have an order there; the question takes each pair once.
        ("bought_together", "basis", allowed("gold/product_affinity", "basis") - {"view_to_order"}),
    ],
)
def test_a_question_offers_what_its_table_holds(
    question: str, param: str, values: set[str]
) -> None:
    assert set(find(question).choices[param]) == values
