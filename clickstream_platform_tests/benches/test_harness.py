"""What the harness records can be typed again, and the page names what was not measured."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from benchmarks import backfill720, micro_batch, naive24, report
from benchmarks.__main__ import command_of, options_of
from benchmarks.harness import Setting


def test_a_benchmark_s_own_options_are_in_its_command(tmp_path: Path) -> None:
    setting = Setting(tmp_path, size=5, repeats=1, options={"hours": "3,6", "files": "2"})
    assert command_of("micro_batch", setting) == (
        "python -m benchmarks run micro_batch --size 5 --repeats 1 --set hours=3,6 --set files=2"
    )


def test_an_option_no_wanted_benchmark_has_is_refused() -> None:
    assert options_of([micro_batch, naive24], ["hours=24"]) == {"hours": "24"}
    with pytest.raises(click.UsageError, match=r"--set days=3: there are files, hours, warm"):
        options_of([micro_batch], ["days=3"])
    with pytest.raises(click.UsageError, match="have none"):
        options_of([backfill720], ["hours=3"])


def test_a_result_of_another_size_or_of_fewer_hours_is_no_measurement_of_the_aim() -> None:
    missing = report.not_measured([])
    assert "`raw_to_gold --size 10000000`" in missing
    assert "`micro_batch --set hours=720,8760 --set files=20 --set warm=5`" in missing

    other = {"name": "micro_batch", "size": 1, "options": {"hours": "3", "files": "20"}}
    small = {"name": "raw_to_gold", "size": 100_000}
    assert report.not_measured([other, small]) == missing

    right = {"name": "micro_batch", "size": 1, "options": dict(micro_batch.OPTIONS)}
    large = {"name": "raw_to_gold", "size": 10_000_000, "options": {}}
    assert {*missing} - {*report.not_measured([right, large])} == {
        "`micro_batch --set hours=720,8760 --set files=20 --set warm=5`",
        "`raw_to_gold --size 10000000`",
    }
