"""The demo's last page, on the tiny lake of the questions: sentences with the right numbers."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

from clickstream_platform import demo_answers
from clickstream_platform_tests.queries import catalogue_rows, daily_rows, lake_rows


def test_the_page_answers_what_an_owner_asks(tmp_path: Path) -> None:
    daily_rows.build(tmp_path)
    catalogue_rows.build(tmp_path)
    out = io.StringIO()
    demo_answers.show(lake_rows.build(tmp_path), Console(file=out, width=120))
    page = " ".join(out.getvalue().split())
    for words in (
        "2026-11-20: 50.50 USD in 2 orders",
        "4 customers came in 4 sessions; 50.0% of these ended in an order",
        "A 40.00 USD 2 sold, seen 9 times",
        "step 2 █████████ 3 37.5%",
        "Direct ████████████████████████ 22.87 USD",
        "3 carts worth 114.00 USD were left behind, most of them at the step `cart`.",
        "1 of their owners ordered within 7 days after all, for 30.00 USD.",
        "Converted 2 customers 50.00 USD",
        "B seen 100 times, ordered 1 times (1.0%)",
        "x, new 20.0% convert: a real difference (p = 0.048).",
        "1 of 9 sessions (11.1%)",
    ):
        assert words in page, page
