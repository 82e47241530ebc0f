"""Gold as files: one DuckDB database, or one Parquet or CSV file a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import duckdb

from clickstream_platform.errors import UsageError
from clickstream_platform.queries import render
from clickstream_platform.queries.lake import Lake
from clickstream_platform.settings import Settings

FORMATS = ("duckdb", "parquet", "csv")


def export_tables(
    settings: Settings, file_format: str, out: Path, names: Sequence[str] | None = None
) -> Iterator[tuple[str, int]]:
    """Writes the tables (all of gold, or `names` as `layer/table`); yields each with its rows.

    Raises: UsageError for an unknown table, or where `out` exists and is of another kind.
    """
    with Lake(settings) as lake:
        wanted = _wanted(lake, names)
        if file_format == "duckdb":
            yield from _into_duckdb(lake, wanted, out)
            return
        if out.exists() and not out.is_dir():
            raise UsageError(f"--out {out} is a file; {file_format} files need a folder.")
        out.mkdir(parents=True, exist_ok=True)
        for name in wanted:
            rows = lake.run(f"from {name}")
            path = out / f"{name}.{file_format}"
            if file_format == "parquet":
                yield str(path), render.write_parquet(rows, path)
            else:
                with path.open("w", encoding="utf-8", newline="") as file:
                    yield str(path), render.write_csv(rows, file)


def _wanted(lake: Lake, names: Sequence[str] | None) -> list[str]:
    if names is None:
        found = [name for name in lake.tables if name.startswith("gold.")]
        if not found:
            raise UsageError("There is no gold table yet; build it with `clickstream run`.")
        return found
    wanted = [name.replace("/", ".") for name in names]
    unknown = sorted(set(wanted) - set(lake.tables))
    if unknown:
        raise UsageError(f"No table {', '.join(unknown)}. Tables: {', '.join(lake.tables)}.")
    return wanted


def _into_duckdb(lake: Lake, names: Sequence[str], out: Path) -> Iterator[tuple[str, int]]:
    """Into a new file that takes the old one's place when it is whole."""
    if out.is_dir() or not out.absolute().parent.is_dir():
        raise UsageError(f"--out {out}: name a file such as shop.duckdb in a folder that exists.")
    unfinished = out.with_name(f".{out.name}.tmp")
    unfinished.unlink(missing_ok=True)
    with closing(duckdb.connect(str(unfinished))) as target:
        target.execute("set TimeZone = 'UTC'")
        for name in names:
            layer, _, table = name.partition(".")
            target.execute(f"create schema if not exists {layer}")
            target.register("incoming", lake.run(f"from {name}"))
            target.execute(f"create table {layer}.{table} as from incoming")
            target.unregister("incoming")
            yield name, len(target.table(f"{layer}.{table}"))
    unfinished.replace(out)
