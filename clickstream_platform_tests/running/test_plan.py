"""Spans of hours: few runs, bounded in hours and bytes."""

from clickstream_platform.hours import hours_between
from clickstream_platform.running.plan import Span, plan, plan_days
from clickstream_platform.settings import Settings, read_settings

DAY = hours_between("2024-11-29T00", "2024-11-29T23")


def settings_with(*, hours: int = 744, size: int = 1_000_000_000) -> Settings:
    return read_settings(max_hours_per_run=hours, max_bytes_per_run=size)


def test_a_day_is_one_span() -> None:
    assert plan(DAY, {}, settings_with()) == [Span(DAY[0], DAY[-1], tuple(DAY))]


def test_a_gap_of_a_day_is_bridged_and_a_longer_one_is_not() -> None:
    near = ["2024-11-29T00", "2024-11-30T01"]  # 24 hours lie between
    far = ["2024-11-29T00", "2024-11-30T02"]
    assert [(s.first, s.last) for s in plan(near, {}, settings_with())] == [tuple(near)]
    assert [s.wanted for s in plan(far, {}, settings_with())] == [(far[0],), (far[1],)]


def test_a_span_holds_no_more_bytes_or_hours_than_allowed() -> None:
    sizes = dict.fromkeys(DAY, 1_000_000)
    by_size = plan(DAY, sizes, settings_with(size=10_000_000))
    by_hours = plan(DAY, {}, settings_with(hours=7))
    assert [len(span.wanted) for span in by_size] == [10, 10, 4]
    assert [len(span.wanted) for span in by_hours] == [7, 7, 7, 3]
    assert [hour for span in by_size for hour in span.wanted] == DAY


def test_an_hour_above_the_limit_is_a_span_of_its_own() -> None:
    sizes = {"2024-11-29T00": 1, "2024-11-29T01": 99_000_000, "2024-11-29T02": 1}
    spans = plan(list(sizes), sizes, settings_with(size=10_000_000))
    assert [span.wanted for span in spans] == [(hour,) for hour in sizes]


def test_days_in_a_row_are_one_span_of_at_most_31() -> None:
    days = [hour[:10] for hour in hours_between("2024-10-01T00", "2024-11-04T00")[::24]]
    apart = ["2024-12-01", "2024-12-03"]
    planned = plan_days([*days, *apart])
    assert [(span.first, span.last, len(span.wanted)) for span in planned] == [
        ("2024-10-01", "2024-10-31", 31),
        ("2024-11-01", "2024-11-04", 4),
        ("2024-12-01", "2024-12-01", 1),
        ("2024-12-03", "2024-12-03", 1),
    ]
