"""`python -m benchmarks list | run NAME… | report`, or `python -m benchmarks NAME ARGUMENTS…`.

A module of this folder is a benchmark if it has `bench(setting) -> Finding`; its result is kept as
JSON and shown in docs/BENCHMARKS.md. A module with a command `main` of its own is listed too and
called by its name.
"""

from __future__ import annotations

import importlib
import pkgutil
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import click

import benchmarks
from benchmarks import report as reporting
from benchmarks.harness import Setting, store
from benchmarks.say import say

QUICK = ("raw_to_gold", "noop", "pruning", "silver_bytes")
PARTS = ("worker", "report", "naive_dagster")  # measure nothing themselves
FOLDER = Path(benchmarks.__file__).resolve().parents[1] / "data" / "benchmarks"


def modules() -> Iterator[tuple[str, ModuleType]]:
    """Every benchmark by name."""
    for found in pkgutil.iter_modules(benchmarks.__path__):
        if found.name.startswith("__") or found.name in PARTS:
            continue
        module = importlib.import_module(f"benchmarks.{found.name}")
        if hasattr(module, "bench") or isinstance(getattr(module, "main", None), click.Command):
            yield found.name, module


class Named(click.Group):
    """The group's own commands, and each module that has a command, by its name."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        own = super().get_command(ctx, cmd_name)
        if own is not None:
            return own
        found = dict(modules()).get(cmd_name)
        return getattr(found, "main", None)


@click.group(cls=Named)
def main() -> None:
    """Measure the platform against what could be had without it."""


@main.command("list")
def list_them() -> None:
    """Name every benchmark and what it measures."""
    for name, module in modules():
        way = "run" if hasattr(module, "bench") else "own command"
        click.echo(f"{name:<16}{way:<13}{(module.__doc__ or '').strip().splitlines()[0]}")


@main.command()
@click.argument("names", nargs=-1)
@click.option("--size", default=100_000, show_default=True, help="Events.")
@click.option("--repeats", default=3, show_default=True)
@click.option("--memory", default="3g", show_default=True, help="Of each JVM.")
@click.option("--folder", type=click.Path(path_type=Path), default=FOLDER, show_default=False)
@click.option("--report/--no-report", "with_report", default=False, help="Write docs too.")
def run(names: tuple[str, ...], with_report: bool, **options: object) -> None:
    """Run benchmarks (the quick ones if none is named) and keep what they find."""
    setting = Setting(**options)  # type: ignore[arg-type]  # click checked them
    known = {name: module.bench for name, module in modules() if hasattr(module, "bench")}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise click.UsageError(f"No benchmark {unknown[0]!r}; there are {', '.join(known)}.")
    try:
        for name in names or QUICK:
            _run_one(name, known[name], setting)
    finally:
        setting.close()
    if with_report:
        reporting.publish(setting.folder, names or QUICK)


def _run_one(name: str, bench: Callable, setting: Setting) -> None:
    say(f"{name}, {setting.size:,} events, {setting.repeats} rounds")
    found = bench(setting)
    command = f"python -m benchmarks run {name} --size {setting.size} --repeats {setting.repeats}"
    if setting.memory != "3g":
        command += f" --memory {shlex.quote(setting.memory)}"
    store(setting.folder, name, found.as_json(name=name, command=command, setting=setting))
    click.echo(reporting.section_text(found))


@main.command()
@click.argument("names", nargs=-1)
@click.option("--folder", type=click.Path(path_type=Path), default=FOLDER)
def report(names: tuple[str, ...], folder: Path) -> None:
    """Put what was found last (of NAMES, else all) into docs/BENCHMARKS.md, with its plots."""
    reporting.publish(folder, names)


if __name__ == "__main__":
    sys.exit(main())
