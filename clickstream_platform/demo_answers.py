"""The last page of `make demo`: what the owner of the shop would ask, answered in sentences.

Every number comes from a named question, so that it can be asked again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape

from clickstream_platform.queries.lake import Lake
from clickstream_platform.queries.named import find
from clickstream_platform.settings import Settings

Row = dict[str, Any]
_BAR = 24
_LABEL = 30


def show(current: Settings, console: Console) -> None:
    """Prints the page."""
    with Lake(current) as lake:
        for title, question, lines in _sections(lake, current.reporting_currency):
            if lines:
                console.print(f"\n[bold]{title}[/]  [dim]clickstream query {question}[/]")
                for line in lines:
                    console.print(f"  {line}", highlight=False)


def _sections(lake: Lake, currency: str) -> Iterator[tuple[str, str, list[str]]]:
    yield "How was the day?", "daily", _day(_ask(lake, "daily"), currency)
    yield "What sells?", "top_products", _products(_ask(lake, "top_products", limit="5"))
    steps = [row for row in _ask(lake, "session_funnel") if row["mode"] == "ordered"]
    yield "Where do people leave?", "session_funnel", _funnel(steps)
    channels = [(r["channel_group"], r["markov"]) for r in _ask(lake, "attribution_models")]
    yield (
        "Which channels earn it?",
        "attribution_models",
        [*_bars(channels, currency), "Revenue by the Markov model; six others stand beside it."],
    )
    yield (
        "What was left in carts?",
        "abandoned_carts",
        _carts(_ask(lake, "abandoned_carts"), currency),
    )
    yield "Who buys?", "customer_segments", _segments(_ask(lake, "customer_segments"), currency)
    yield (
        "What do many look at and few buy?",
        "high_interest_low_conversion",
        _looked_at(_ask(lake, "high_interest_low_conversion", limit="3")),
    )
    yield "Do the tests say anything?", "experiments", _tests(_ask(lake, "experiments"))
    yield (
        "How much of it was robots?",
        "daily_without_bots",
        _robots(_ask(lake, "daily_without_bots")),
    )


def _ask(lake: Lake, name: str, **params: str) -> list[Row]:
    question = find(name)
    return lake.rows(question.sql, question.values(params))


def _day(days: Sequence[Row], currency: str) -> list[str]:
    if not days:
        return []
    day = days[-1]
    return [
        f"{day['event_day']}: {day['revenue'] or 0:,.2f} {currency} in {day['orders']:,} orders, "
        f"{day['average_order_value'] or 0:,.2f} each.",
        f"{day['active_users'] or 0:,} customers came in {day['sessions']:,} sessions; "
        f"{_share(day['conversion_rate'])} of these ended in an order, "
        f"{_share(day['bounce_rate'])} bounced.",
    ]


def _products(products: Sequence[Row]) -> list[str]:
    return [
        f"{escape(str(row['item_id'])):<{_LABEL}} {row['revenue']:>12,.2f} {row['currency'] or ''}"
        f"  {row['units']:,} sold, seen {row['views']:,} times"
        for row in products
    ]


def _funnel(steps: Sequence[Row]) -> list[str]:
    return [
        f"{row['step']:<{_LABEL}} {'█' * round(_BAR * (row['overall_rate'] or 0)):<{_BAR}} "
        f"{row['sessions']:>8,}  {_share(row['overall_rate'])}"
        for row in steps
    ]


def _bars(parts: Sequence[tuple[str, Any]], unit: str) -> list[str]:
    shown = sorted(((n, v) for n, v in parts if v), key=lambda part: (-part[1], part[0]))[:6]
    most = max((value for _, value in shown), default=0)
    return [
        f"{escape(name):<{_LABEL}} {'█' * round(_BAR * float(value / most)):<{_BAR}} "
        f"{value:>12,.2f} {unit}"
        for name, value in shown
    ]


def _carts(steps: Sequence[Row], currency: str) -> list[str]:
    if not steps:
        return []
    carts, back = (sum(row[name] for row in steps) for name in ("carts", "recovered"))
    worth, won = (sum(row[name] for row in steps) for name in ("cart_value", "recovered_value"))
    worst = max(steps, key=lambda row: row["carts"])
    return [
        f"{carts:,} carts worth {worth:,.2f} {currency} were left behind, most of them at the step "
        f"`{worst['step_reached']}`.",
        f"{back:,} of their owners ordered within 7 days after all, for {won:,.2f} {currency}.",
    ]


def _segments(segments: Sequence[Row], currency: str) -> list[str]:
    return [
        f"{row['segment']:<{_LABEL}} {row['customers']:>8,} customers  "
        f"{row['revenue']:>12,.2f} {currency}"
        for row in segments
    ]


def _looked_at(products: Sequence[Row]) -> list[str]:
    return [
        f"{escape(str(row['item_id'])):<{_LABEL}} seen {row['views']:,} times, ordered "
        f"{row['orders']:,} times ({_share(row['order_rate'])})"
        for row in products
    ]


def _tests(arms: Sequence[Row]) -> list[str]:
    lines = []
    for arm in arms:
        if arm["is_control"]:
            continue
        if arm["is_mismatched"]:
            verdict = "its arms are too uneven to trust it"
        elif arm["is_significant"]:
            verdict = f"a real difference (p = {arm['p_value']:.3f})"
        else:
            verdict = "no difference that could not be chance"
        name = escape(f"{arm['experiment_id']}, {arm['variant_id']}")
        lines.append(f"{name:<{_LABEL}} {_share(arm['conversion_rate'])} convert: {verdict}.")
    return lines


def _robots(days: Sequence[Row]) -> list[str]:
    sessions, robots = (sum(day[name] for day in days) for name in ("sessions", "bot_sessions"))
    if not sessions:
        return []
    return [
        f"{robots:,} of {sessions:,} sessions ({_share(robots / sessions)}); "
        "the numbers of the day leave them out."
    ]


def _share(value: float | None) -> str:
    return "none" if value is None else f"{value:.1%}"
