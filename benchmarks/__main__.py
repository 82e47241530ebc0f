"""`python -m benchmarks list | run NAME… | report`, or `python -m benchmarks NAME ARGUMENTS…`.

A module of this folder is a benchmark if it has `bench(setting) -> Finding`; its result is kept as
JSON and shown in docs/BENCHMARKS.md. What else it can be told it names in `OPTIONS`, with the
values of the issue's line; `--set` changes them. A module with a command `main` of its own is
listed too and called by its name.
"""

from __future__ import annotations

import importlib
import pkgutil
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType

import click

import benchmarks
from benchmarks import report as reporting
from benchmarks.harness import Setting, store
from benchmarks.say import say

QUICK = ("raw_to_gold", "noop", "pruning", "silver_bytes")
PARTS = ("worker", "report", "naive_dagster", "arrivals")  # measure nothing themselves
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
        for option, value in own_options(module).items():
            click.echo(f"{'':<29}--set {option}={value}")


@main.command()
@click.argument("names", nargs=-1)
@click.option("--size", default=100_000, show_default=True, help="Events.")
@click.option("--repeats", default=3, show_default=True)
@click.option("--memory", default="3g", show_default=True, help="Of each JVM.")
@click.option(
    "--set", "options", multiple=True, metavar="NAME=VALUE", help="A benchmark's own; see `list`."
)
@click.option("--folder", type=click.Path(path_type=Path), default=FOLDER, show_default=False)
@click.option("--report/--no-report", "with_report", default=False, help="Write docs too.")
def run(
    names: tuple[str, ...], with_report: bool, options: tuple[str, ...], **given: object
) -> None:
    """Run benchmarks (the quick ones if none is named) and keep what they find."""
    known = {name: module for name, module in modules() if hasattr(module, "bench")}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise click.UsageError(f"No benchmark {unknown[0]!r}; there are {', '.join(known)}.")
    wanted = {name: known[name] for name in names or QUICK}
    chosen = options_of(wanted.values(), options)
    setting = Setting(**given)  # type: ignore[arg-type]  # click checked them
    try:
        for name, module in wanted.items():
            own = {key: chosen.get(key, value) for key, value in own_options(module).items()}
            setting.options = own
            _run_one(name, module.bench, setting)
    finally:
        setting.close()
    if with_report:
        reporting.publish(setting.folder, names or QUICK)


def own_options(module: ModuleType) -> Mapping[str, str]:
    return getattr(module, "OPTIONS", {})


def options_of(wanted: Iterable[ModuleType], given: Sequence[str]) -> dict[str, str]:
    """`NAME=VALUE` by name. Raises: UsageError for one that no wanted benchmark has."""
    known = sorted({name for module in wanted for name in own_options(module)})
    found = dict(one.partition("=")[::2] for one in given)
    for name, value in found.items():
        if name not in known or not value:
            has = f"there are {', '.join(known)}" if known else "these benchmarks have none"
            raise click.UsageError(f"--set {name}={value}: {has}, as NAME=VALUE.")
    return found


def command_of(name: str, setting: Setting) -> str:
    """What to type for the same measurement again."""
    command = f"python -m benchmarks run {name} --size {setting.size} --repeats {setting.repeats}"
    if setting.memory != "3g":
        command += f" --memory {shlex.quote(setting.memory)}"
    for key, value in setting.options.items():
        command += f" --set {key}={shlex.quote(value)}"
    return command


def _run_one(name: str, bench: Callable, setting: Setting) -> None:
    say(f"{name}, {setting.size:,} events, {setting.repeats} rounds")
    found = bench(setting)
    command = command_of(name, setting)
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
