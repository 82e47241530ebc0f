"""The committed page of metrics and questions is what their definitions say."""

from clickstream_platform.queries.named import named_queries
from clickstream_platform.queries.reference import PAGE, page
from clickstream_platform.tables.daily import FACT_DAILY_METRICS, RATIOS
from clickstream_platform.tables.metrics import METRICS


def test_the_committed_page_is_up_to_date() -> None:
    assert PAGE.read_text() == page(), "metrics or questions changed: run `make docs`"


def test_every_question_and_metric_is_told() -> None:
    text = page()
    for name in (*named_queries(), *METRICS):
        assert f"\n| `{name}` | " in text, name
    for question in named_queries().values():
        assert set(question.metrics) <= set(METRICS), question.name


def test_a_ratio_divides_two_metrics_and_the_mart_says_the_same() -> None:
    for metric in METRICS.values():
        if metric.is_ratio:
            assert {metric.numerator, metric.denominator} <= set(METRICS)
    columns = {spec.name: spec.description for spec in FACT_DAILY_METRICS.columns}
    for name in RATIOS:
        assert columns[name] == f"{METRICS[name].formula}."
