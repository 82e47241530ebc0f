"""What a `--fix` makes of rejected lines: an SQL expression over a line, run by DuckDB."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import pyarrow as pa

from clickstream_platform.errors import UsageError

_SHOWN = pa.schema(
    [
        ("line_number", pa.int64()),
        ("raw", pa.string()),
        ("raw_bytes", pa.binary()),
        ("source", pa.string()),
        ("source_file", pa.string()),
        ("source_offset", pa.int64()),
        ("event_hour", pa.string()),
        ("reasons", pa.list_(pa.string())),
        ("detail", pa.string()),
    ]
)


class FixError(UsageError):
    """A fix that is no expression over a line, or does not give text."""


def fixed_bytes(lines: Sequence[Mapping[str, Any]], fix: str) -> list[bytes | None]:
    """What the SQL expression makes of each line; null leaves the line alone.

    The expression sees `raw` (text; bytes that are no UTF-8 appear as U+FFFD), `raw_bytes`,
    `source`, `reasons`, `detail`, `event_hour` and the address.
    Raises: FixError.
    """
    shown = pa.Table.from_pylist(
        [
            {
                "line_number": number,
                "raw": line["raw"].decode("utf-8", "replace"),
                "raw_bytes": line["raw"],
                **{
                    name: line[name]
                    for name in (
                        "source", "source_file", "source_offset", "event_hour", "reasons", "detail"
                    )
                },
            }
            for number, line in enumerate(lines)
        ],
        schema=_SHOWN,
    )  # fmt: skip
    with duckdb.connect(config={"enable_external_access": "false"}) as connection:
        connection.register("line", shown)
        try:
            found = connection.execute(
                f"select ({fix}\n) as fixed from line order by line_number"  # noqa: S608 (its owner's)
            ).fetchall()
        except duckdb.Error as error:
            raise FixError(
                f"--fix is no SQL expression over a line: {error}\n"
                f"Columns: {', '.join(_SHOWN.names)}."
            ) from error
    if len(found) != len(lines):
        raise FixError(f"--fix must give one value per line; it gave {len(found)}.")
    return [_as_bytes(row[0]) for row in found]


def _as_bytes(value: object) -> bytes | None:
    if value is None or isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode()
    raise FixError(f"--fix must give text or bytes, not {type(value).__name__}.")
